/** The node's side: sets pools up, takes them away, and tells how they are. */
import { realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path/posix";
import { AppError, HypervisorError, type NodeContext, type PayloadOf, timing } from "jimv";
import { isInSystem, prepareFolder } from "../nodes/index.ts";
import { fileSystemOf, readMark, refusedFileSystem, removeMark, writeMark } from "./mark.ts";
import { type PoolFact, poolFactsKind } from "./report.ts";
import { addPool, removePool } from "./tasks.ts";

/** Pools of ours in libvirt begin so; the storage folder's own pool is told of with the heartbeat. */
export const libvirtPrefix = "jimv-pool-";

export function startNode(context: NodeContext): void {
  const { hypervisor, log } = context;

  context.undo("pools.removePool", async ({ name = "", secret = "" }) =>
    hypervisor.removePool(name, secret || undefined),
  );
  context.undo("pools.removeMark", async ({ path = "", poolId = "" }) => removeMark(path, poolId));

  context.operation(addPool, async (operation, payload) => {
    const { poolId, kind, path, libvirtName, ceph, cephKey } = payload;
    const wasThere = (await hypervisor.poolNames(libvirtName)).includes(libvirtName);
    const undo = wasThere
      ? null
      : { name: "pools.removePool", args: { name: libvirtName, secret: ceph?.secretUuid ?? "" } };
    if (kind === "ceph") {
      if (!ceph || cephKey === undefined) throw new AppError("conflict", "pools.cephIncomplete");
      return operation.step("pools.step.define", undo, async () =>
        figures(await hypervisor.ensureRbdPool({ ...ceph, name: libvirtName, key: cephKey })),
      );
    }
    await operation.step("pools.step.folder", null, () => lookAtFolder({ ...payload, kind }));
    operation.progress(30);
    await markFolder(payload, (fn) =>
      operation.step("pools.step.mark", { name: "pools.removeMark", args: { path, poolId } }, fn),
    );
    operation.progress(60);
    const facts = await operation.step("pools.step.define", undo, () =>
      hypervisor.ensurePool(libvirtName, path),
    );
    tellSoon();
    return figures(facts);
  });

  context.operation(removePool, async (operation, { poolId, path, libvirtName, secretUuid, isLast }) => {
    await operation.step("pools.step.undefine", null, () =>
      hypervisor.removePool(libvirtName, secretUuid ?? undefined),
    );
    if (isLast && path.startsWith("/"))
      await operation.step("pools.step.unmark", null, () => removeMark(path, poolId));
    return {};
  });

  /** Pools that were asked and have not answered: they are not asked again, and count as silent. */
  const asking = new Set<string>();
  const known = new Map<string, string>();
  /** What Ceph pools said last, and when. */
  const fromCeph = new Map<string, { at: number; fact: PoolFact }>();
  const lookAt = async (libvirtName: string): Promise<PoolFact> => {
    const silent = { libvirtName, capacityBytes: 0, availableBytes: 0, mark: null };
    const path = known.get(libvirtName) ?? "";
    const last = fromCeph.get(libvirtName);
    if (last && context.clock.now() - last.at < timing.cephFactsMilliseconds) return last.fact;
    fromCeph.delete(libvirtName);
    if (asking.has(libvirtName)) return { ...silent, error: { word: "pools.silent", args: { path } } };
    asking.add(libvirtName);
    try {
      // First the mark: a dead mount would hold up libvirtd, too.
      const before = path === "" ? null : await readMark(path);
      if (before === "silent") return { ...silent, error: { word: "pools.silent", args: { path } } };
      const facts = await hypervisor.pool(libvirtName);
      known.set(libvirtName, facts.path);
      const mark = facts.path === "" ? null : await readMark(facts.path);
      if (mark === "silent") return { ...silent, error: { word: "pools.silent", args: { path } } };
      const fact = { libvirtName, ...figures(facts), mark: mark?.id ?? null, error: null };
      if (facts.path === "") fromCeph.set(libvirtName, { at: context.clock.now(), fact });
      return fact;
    } catch (error) {
      const word = error instanceof HypervisorError ? `hypervisor.${error.code}` : "pools.failed";
      const detail = error instanceof Error ? error.message.slice(0, 500) : String(error);
      return { ...silent, error: { word, args: { detail } } };
    } finally {
      asking.delete(libvirtName);
    }
  };
  const tell = async (): Promise<void> => {
    const names = await hypervisor.poolNames(libvirtPrefix);
    const facts = await Promise.all(names.map(lookAt));
    context.report(poolFactsKind, { pools: facts }, poolFactsKind);
  };
  const tellSoon = (): void => {
    tell().catch((error) => log.debug("pools can't be told of", { error: String(error) }));
  };
  context.every("pools", timing.poolFactsMilliseconds, tell);
  context.onWelcome(tellSoon);
}

const figures = ({ capacityBytes, availableBytes }: { capacityBytes: number; availableBytes: number }) => ({
  capacityBytes,
  availableBytes,
});

type Folder = PayloadOf<typeof addPool> & { kind: "local" | "shared" | "gluster" };

/** @throws AppError conflict with what is wrong with the folder */
async function lookAtFolder({ kind, path, trusted }: Folder): Promise<void> {
  if (isInSystem(path)) throw new AppError("conflict", "pools.folderSystem", { path });
  if (kind === "local") {
    await prepareFolder(path);
    return;
  }
  const facts = await stat(path).catch(() => null);
  if (!facts?.isDirectory()) throw new AppError("conflict", "pools.noFolder", { path });
  if ((await realpath(path)) !== path) throw new AppError("conflict", "pools.folderLink", { path });
  const type = await fileSystemOf(path);
  const refused = refusedFileSystem(kind, type, trusted);
  if (refused) throw new AppError("conflict", refused, { path, type });
  const probe = join(path, `.jimv-probe-${crypto.randomUUID()}`);
  try {
    await writeFile(probe, "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new AppError("conflict", "pools.folderDenied", { path, detail });
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

/** Sees whose the folder is, and makes it the pool's where it is nobody's. @throws AppError conflict */
async function markFolder(
  { poolId, path, isFirst, kind }: PayloadOf<typeof addPool>,
  step: (fn: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const mark = await readMark(path);
  if (mark === "silent") throw new AppError("conflict", "pools.silent", { path });
  if (mark.id === poolId) return;
  if (mark.id !== null) throw new AppError("conflict", "pools.otherPool", { path, id: mark.id });
  if (kind !== "local" && !isFirst) throw new AppError("conflict", "pools.otherStorage", { path });
  await step(() => writeMark(path, poolId));
}
