/** What every mode with a node shares: hypervisor, outbox, key and the plugins' node sides. */
import { existsSync, readFileSync } from "node:fs";
import { endState, paperEnd } from "../core/checks/pki.ts";
import type { Clock } from "../core/clock.ts";
import { type Config, dataFiles } from "../core/config/config.ts";
import { errorText } from "../core/errors.ts";
import { openHypervisor } from "../core/libvirt/real.ts";
import type { Log } from "../core/log/log.ts";
import { Node } from "../core/node.ts";
import type { Plugin } from "../core/plugin.ts";
import type { NodeRoad } from "../core/road/contract.ts";
import { Outbox } from "../core/road/outbox.ts";
import { NodeKey } from "../core/vault.ts";
import { version } from "./version.ts";

export interface NodeSide {
  stop(): Promise<void>;
}

/** What tells two machines of the same name apart. */
export function machineId(): string {
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"])
    if (existsSync(path)) {
      const id = readFileSync(path, "utf8").trim();
      if (id) return id;
    }
  return "";
}

/** Features by name that a controller of another version can rely on. */
const features: string[] = [];

/** The node's own memory between starts. */
export function openOutbox(config: Config, world: { clock: Clock; log: Log }): Outbox {
  return new Outbox(dataFiles(config.data).outbox, world.clock, config.node, (error) =>
    world.log.error("the outbox can't be written: see that the disk is not full", { error }),
  );
}

/** It is read once: a new one comes by joining again, which is a start. */
function certificateOf(
  config: Config,
  { clock, log }: { clock: Clock; log: Log },
): { certificate?: () => boolean } {
  if (config.libvirt.pki === "none") return {};
  try {
    const end = paperEnd(dataFiles(config.data).pki, clock.now());
    return end ? { certificate: () => endState(end.endsAt, clock.now()) === "good" } : {};
  } catch (error) {
    log.warn("the node's certificate can't be read: jimv check says more", { error: errorText(error) });
    return { certificate: () => false };
  }
}

/** Starts a node on its end of the road. */
export async function startNodeSide(
  config: Config,
  world: { clock: Clock; log: Log; road: NodeRoad; outbox: Outbox; clusterId: string },
  plugins: readonly Plugin[],
  onRefused?: ConstructorParameters<typeof Node>[2],
): Promise<NodeSide> {
  const files = dataFiles(config.data);
  const key = NodeKey.open(files.nodeKey);
  const { outbox } = world;
  const hypervisor = await openHypervisor({ uri: config.libvirt.uri, clusterId: world.clusterId });
  const node = new Node(
    { ...world, key, hypervisor, ...certificateOf(config, world) },
    { name: config.node, machineId: machineId() || key.publicKey, version, features },
    onRefused,
  );
  await node.start(plugins);
  return {
    async stop() {
      node.stop();
      await hypervisor.close();
      outbox.close();
    },
  };
}
