/** Disks: system disks of guests and data disks, as files in a node's storage pool. */
export * from "./contract.ts";
export { type Disk, type DiskFormat, type DiskRole, type DiskState, diskStates, disks } from "./schema.ts";
export { createDisk, deleteDisk } from "./tasks.ts";
