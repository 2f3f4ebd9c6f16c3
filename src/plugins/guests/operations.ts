/** What a node does to create, change and delete guests. Every operation may be done twice. */
import {
  AppError,
  type DomainDisk,
  HypervisorError,
  type NodeContext,
  type Operation,
  type PayloadOf,
  type UndoCall,
} from "jimv";
import { demandMark } from "../pools/index.ts";
import { beforeBoot } from "./booting.ts";
import { bytesPerGiB } from "./capacity.ts";
import type { Observer } from "./observer.ts";
import { seedImage } from "./seed.ts";
import { attachDisk, createGuest, deleteGuest, detachDisk, reshapeGuest } from "./tasks.ts";

/** Where in a task's hundred percent its stretches end. */
const percent = { copied: 85, disks: 87, seeded: 88, defined: 90, started: 97 } as const;
/** QEMU's limit for a disk's serial. */
const serialCharacters = 20;

const undos = { removeFile: "guests.removeFile", removeDomain: "guests.removeDomain" } as const;
const removeFile = (path: string): UndoCall => ({ name: undos.removeFile, args: { path } });
const removeDomain = (uuid: string): UndoCall => ({ name: undos.removeDomain, args: { uuid } });

type Creation = PayloadOf<typeof createGuest>;
type NewDisk = Creation["systemDisk"];

export function registerOperations(context: NodeContext, observer: Observer): void {
  const { hypervisor, clusterId } = context;
  const { images } = hypervisor;

  context.undo(undos.removeFile, async ({ path }) => {
    if (path) await images.remove(path);
  });
  context.undo(undos.removeDomain, async ({ uuid }) => {
    if (uuid) await removeOwn(uuid);
  });

  /** Ends a domain of ours and removes its definition; what is not ours is left alone. */
  async function removeOwn(uuid: string): Promise<void> {
    const fact = await hypervisor.domain(uuid);
    if (!fact || fact.clusterId !== clusterId) return;
    if (fact.state !== "off") await hypervisor.destroy(uuid);
    await hypervisor.undefine(uuid);
  }

  /** Whatever an earlier attempt finished without anybody hearing of it. */
  async function removeMade(payload: Creation): Promise<void> {
    await removeOwn(payload.uuid);
    for (const { path } of [payload.systemDisk, ...payload.dataDisks]) await images.remove(path);
    if (payload.seed) await images.remove(payload.seed.path);
  }

  /** Copies or links the system disk. */
  async function systemDisk(
    operation: Operation,
    { template, linked, systemDisk: disk }: Creation,
  ): Promise<void> {
    const info = await operation.step("guests.step.template", null, async () => {
      try {
        return await images.info(template.path);
      } catch (error) {
        if (error instanceof HypervisorError && error.code === "notFound")
          throw new AppError("conflict", "guests.templateGone", { path: template.path }, { cause: error });
        throw error;
      }
    });
    // What was checked when the template was registered must hold for what is read now: another format, or a
    // reference to another file, would bring something else into the guest.
    if (info.format !== template.format || info.backingFile !== null || info.dataFile !== null)
      throw new AppError("conflict", "guests.templateChanged", {
        path: template.path,
        was: template.format,
        now: info.format,
      });
    const sizeBytes = disk.sizeGiB * bytesPerGiB;
    if (linked) {
      await operation.step("guests.step.link", removeFile(disk.path), () =>
        images.link(template.path, disk.path, { sourceFormat: info.format, sizeBytes }),
      );
    } else {
      const onProgress = operation.meter(0, percent.copied);
      await operation.step("guests.step.copy", removeFile(disk.path), () =>
        images.copy(template.path, disk.path, {
          format: disk.format,
          sizeBytes,
          signal: operation.signal,
          onProgress,
        }),
      );
    }
    operation.progress(percent.copied);
  }

  async function dataDisks(operation: Operation, disks: readonly NewDisk[]): Promise<void> {
    for (const disk of disks)
      await operation.step("guests.step.dataDisk", removeFile(disk.path), () =>
        images.create(disk.path, { format: disk.format, sizeBytes: disk.sizeGiB * bytesPerGiB }),
      );
    operation.progress(percent.disks);
  }

  async function seed(operation: Operation, payload: Creation): Promise<void> {
    const { seed: wanted } = payload;
    if (!wanted) return;
    await operation.step("guests.step.seed", removeFile(wanted.path), () =>
      images.write(
        wanted.path,
        seedImage({
          uuid: payload.uuid,
          hostname: payload.hostname,
          userName: wanted.userName,
          password: payload.password ?? null,
          sshKeys: wanted.sshKeys,
          interfaces: payload.interfaces,
        }),
      ),
    );
    operation.progress(percent.seeded);
  }

  context.operation(createGuest, async (operation, payload) => {
    const { uuid } = payload;
    if (operation.isRepeated) await operation.step("guests.step.again", null, () => removeMade(payload));
    await demandMark(payload.folder, payload.mark);
    await systemDisk(operation, payload);
    await dataDisks(operation, payload.dataDisks);
    await seed(operation, payload);
    await operation.step("guests.step.define", removeDomain(uuid), () =>
      hypervisor.define({
        uuid,
        name: payload.name,
        clusterId,
        memoryMiB: payload.memoryMiB,
        vcpus: payload.vcpus,
        clock: payload.clock,
        disks: [payload.systemDisk, ...payload.dataDisks].map(domainDisk),
        seedPath: payload.seed?.path ?? null,
        interfaces: payload.interfaces.map(({ mac, source, filter }) => ({
          mac,
          source,
          ...(filter ? { filter } : {}),
        })),
        vnc: { port: payload.vncPort, listen: payload.vncListen, password: payload.vncPassword },
      }),
    );
    operation.progress(percent.defined);
    const staysOff = payload.start ? await beforeBoot(context, operation, uuid, payload.carry) : null;
    const starts = payload.start && staysOff === null;
    if (starts) {
      await operation.step("guests.step.start", null, () => hypervisor.start(uuid));
      operation.progress(percent.started);
    }
    return operation.step("guests.step.verify", null, async () => {
      const state = await observer.look(uuid);
      if (starts ? state !== "running" : state === "absent")
        throw new AppError("conflict", "guests.diedAtStart", { name: payload.name });
      return { state };
    });
  });

  context.operation(deleteGuest, async (operation, payload) => {
    const { uuid } = payload;
    const fact = await hypervisor.domain(uuid);
    if (fact && fact.clusterId !== clusterId) throw new AppError("conflict", "guests.notOurs", { uuid });
    if (fact && (fact.state !== "off" || payload.force)) {
      if (fact.state !== "off" && fact.state !== "crashed" && !payload.force)
        throw new AppError("conflict", "guests.stillRuns", { name: fact.name });
      await operation.step("guests.step.stop", null, () => hypervisor.destroy(uuid));
    }
    operation.progress(30);
    await operation.step("guests.step.undefine", null, () => hypervisor.undefine(uuid));
    operation.progress(50);
    for (const path of payload.files)
      await operation.step("guests.step.removeFile", null, () => images.remove(path));
    await observer.look(uuid);
    return {};
  });

  context.operation(reshapeGuest, async (operation, { uuid, vcpus, memoryMiB, name }) => {
    await operation.step("guests.step.reshape", null, () =>
      hypervisor.reshape(uuid, {
        ...(vcpus === undefined ? {} : { vcpus }),
        ...(memoryMiB === undefined ? {} : { memoryMiB }),
        ...(name === undefined ? {} : { name }),
      }),
    );
    void observer.list();
    return {};
  });

  context.operation(attachDisk, async (operation, { uuid, diskUuid, path, format, target }) => {
    await operation.step("guests.step.attach", null, () =>
      hypervisor.attachDisk(uuid, domainDisk({ uuid: diskUuid, path, format, target })),
    );
    return {};
  });

  context.operation(detachDisk, async (operation, { uuid, path }) => {
    await operation.step("guests.step.detach", null, () => hypervisor.detachDisk(uuid, path));
    return {};
  });
}

function domainDisk({ uuid, path, format, target }: Omit<NewDisk, "sizeGiB">): DomainDisk {
  return { path, format, target, serial: uuid.replaceAll("-", "").slice(0, serialCharacters) };
}
