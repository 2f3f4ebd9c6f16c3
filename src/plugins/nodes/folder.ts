/** Which folders may hold guests' disks. Pure rules on the path; `operations.ts` looks at the folder itself. */
import { normalize } from "node:path/posix";

/** Folders of the system: neither they nor anything in them. */
const system = [
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/lost+found",
  "/proc",
  "/root",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
  "/var/run",
  "/var/log",
  "/var/cache",
  "/var/spool",
  "/var/lib/dpkg",
  "/var/lib/rpm",
  "/var/lib/mysql",
];
/** Folders that hold others' things: only a folder inside them. */
const shared = ["/", "/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/var", "/var/lib", "/var/tmp"];

/** The word for what is wrong with a path as such, or null. Longest: 180 characters. */
export function refusedFolder(
  path: string,
): "nodes.folder.absolute" | "nodes.folder.plain" | "nodes.folder.system" | null {
  if (!path.startsWith("/")) return "nodes.folder.absolute";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
  if (/[\u0000-\u001f\u007f]/.test(path) || path.length > 180) return "nodes.folder.plain";
  if (path !== "/" && (normalize(path) !== path || path.endsWith("/"))) return "nodes.folder.plain";
  if (shared.includes(path) || isInSystem(path)) return "nodes.folder.system";
  return null;
}

/** Whether a path is one of the system's own folders or lies in one. */
export function isInSystem(path: string): boolean {
  return system.some((folder) => path === folder || path.startsWith(`${folder}/`));
}
