/** The node's side: tells of itself, and sets up folder, pool and network as it was chosen. */
import {
  AppError,
  type FilterLack,
  type HostFacts,
  HypervisorError,
  type NetworkFacts,
  type NodeContext,
  type Operation,
  type PayloadOf,
  type PoolFacts,
  type ResultOf,
  timing,
} from "jimv";
import { refusedFolder } from "./folder.ts";
import { type Heartbeat, heartbeatKind, hypervisorPart, type PortFacts } from "./heartbeat.ts";
import {
  exists,
  hostBridges,
  interfaceAddresses,
  isBridge,
  loadMeter,
  portFacts,
  prepareFolder,
  removeEmptyFolder,
} from "./machine.ts";
import { reservePorts } from "./reserved-ports.ts";
import { configureNode, reserveTopic } from "./tasks.ts";

/** The name of JimV's own libvirt network and, where it is free, of its storage pool. */
const ownName = "jimv";

/** What is asked less often than a heartbeat, most of it of libvirtd; each stays as it was while nobody answers. */
interface SlowFacts {
  host: HostFacts | null;
  pool: PoolFacts | null;
  networks: NetworkFacts[];
  bridges: string[];
  addresses: ReturnType<typeof interfaceAddresses>;
  ports: PortFacts | null;
  filterLacks: FilterLack[] | null;
}

export function startNode(context: NodeContext): void {
  const { hypervisor, log } = context;
  const slow: SlowFacts = {
    host: null,
    pool: null,
    networks: [],
    bridges: [],
    addresses: interfaceAddresses(),
    ports: null,
    filterLacks: null,
  };
  let poolName = ownName;
  let asking: Promise<void> | null = null;
  const load = loadMeter();
  /** The ranges of ports that a controller asked to reserve; null until one did. */
  let ranges: string | null = null;

  const ask = async (): Promise<void> => {
    slow.addresses = interfaceAddresses();
    const outcomes = await Promise.allSettled([
      hypervisor.host().then((facts) => {
        slow.host = facts;
      }),
      hypervisor.pool(poolName).then(
        (facts) => {
          slow.pool = facts;
        },
        (error) => {
          if (error instanceof HypervisorError && error.code === "notFound") slow.pool = null;
          else throw error;
        },
      ),
      hypervisor.networks().then(async (networks) => {
        slow.networks = networks;
        slow.bridges = await hostBridges(networks);
      }),
      hypervisor.filterLacks().then((lacks) => {
        slow.filterLacks = lacks;
      }),
      portFacts().then(async (ports) => {
        const wanted = ranges;
        // Each time: somebody may have written the list anew meanwhile.
        const reserved = wanted === null ? null : { ranges: wanted, refused: await reservePorts(wanted) };
        slow.ports = { ...ports, reserved };
      }),
    ]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") log.debug("a fact is missing", { error: String(outcome.reason) });
  };
  /** One round of questions at a time: libvirtd may hang. */
  const askOnce = (): Promise<void> => {
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };

  const beat = async (): Promise<void> => {
    const body: Heartbeat = {
      facts: slow.host,
      load: await load(),
      ...hypervisorPart(hypervisor.status()),
      lamps: context.lamps(),
      pool: slow.pool,
      networks: slow.networks,
      bridges: slow.bridges,
      addresses: slow.addresses,
      ports: slow.ports,
      ...(slow.filterLacks ? { filterLacks: slow.filterLacks } : {}),
      at: context.clock.now(),
    };
    context.report(heartbeatKind, body, "heartbeat");
  };
  const askAndBeat = (): void => {
    askOnce()
      .then(beat)
      .catch((error) => log.warn("heartbeat failed", { error: String(error) }));
  };

  context.every("heartbeat", timing.heartbeatMilliseconds, beat);
  context.every("facts", timing.nodeFactsMilliseconds, askOnce);
  context.onStop(
    hypervisor.onStatus((status) => {
      beat().catch((error) => log.warn("heartbeat failed", { error: String(error) }));
      if (status.connected) askAndBeat();
    }),
  );
  context.onWelcome(askAndBeat);
  context.onAsk(reserveTopic, async (wanted) => {
    ranges = wanted;
    // A round under way may not have seen it.
    await asking;
    await askOnce();
    await beat();
  });
  askAndBeat();

  context.undo("nodes.folder", ({ path = "" }) => removeEmptyFolder(path));
  context.operation(configureNode, async (operation, payload) => {
    const result = await configure(context, operation, payload);
    poolName = result.poolName;
    askAndBeat();
    return result;
  });
}

async function configure(
  context: NodeContext,
  operation: Operation,
  payload: PayloadOf<typeof configureNode>,
): Promise<ResultOf<typeof configureNode>> {
  const { storagePath, bridge } = payload;
  const refused = refusedFolder(storagePath);
  if (refused) throw new AppError("conflict", refused, { path: storagePath });

  const isNew = !(await exists(storagePath));
  const takeBack = isNew ? { name: "nodes.folder", args: { path: storagePath } } : null;
  const closed = await operation.step("nodes.step.folder", takeBack, () => prepareFolder(storagePath));
  operation.progress(30);

  const pool = await operation.step("nodes.step.pool", null, () => ensurePool(context, storagePath));
  operation.progress(60);

  const network = await operation.step("nodes.step.network", null, async () => {
    if (bridge === null) return (await context.hypervisor.ensureNatNetwork(ownName)).name;
    if (!(await isBridge(bridge))) throw new AppError("conflict", "nodes.noBridge", { bridge });
    return null;
  });

  return {
    poolName: pool.name,
    capacityBytes: pool.capacityBytes,
    availableBytes: pool.availableBytes,
    networkName: network,
    notes: closed.map((folder) => ({ word: "nodes.note.closedFolder", args: { folder } })),
  };
}

/** The pool is called `jimv`; where that is another folder already, the folder's own name is added. */
async function ensurePool(context: NodeContext, path: string): Promise<PoolFacts> {
  try {
    return await context.hypervisor.ensurePool(ownName, path);
  } catch (error) {
    if (!(error instanceof HypervisorError) || error.code !== "exists") throw error;
    const mark = new Bun.CryptoHasher("sha256").update(path).digest("hex").slice(0, 8);
    return context.hypervisor.ensurePool(`${ownName}-${mark}`, path);
  }
}
