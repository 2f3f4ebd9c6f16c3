/** A node: the plugins' node sides on one hypervisor and one end of the road. */
import type { Clock } from "./clock.ts";
import { inOrder } from "./controller.ts";
import { Hooks } from "./hooks.ts";
import type { Hypervisor, LaneStatus } from "./libvirt/hypervisor.ts";
import type { Log } from "./log/log.ts";
import type { NodeContext, Plugin } from "./plugin.ts";
import { Asks } from "./road/asks.ts";
import type { NodeRoad } from "./road/contract.ts";
import type { Outbox } from "./road/outbox.ts";
import { NodeAgent, type NodeIdentity } from "./tasks/agent.ts";
import { steadily } from "./turns.ts";
import { type Undo, UndoList } from "./undo.ts";
import type { NodeKey } from "./vault.ts";

/** Everything outside that a node needs. */
export interface NodeWorld {
  clock: Clock;
  road: NodeRoad;
  log: Log;
  outbox: Outbox;
  key: NodeKey;
  hypervisor: Hypervisor;
  clusterId: string;
  /** Whether its certificate for migrations is good for a while yet; absent where it has none. */
  certificate?: () => boolean;
}

export class Node {
  readonly agent: NodeAgent;
  private readonly asks: Asks;
  private readonly hooks = new Hooks();
  private readonly undos = new UndoList();
  private readonly lamps = new Map<string, Parameters<NodeContext["lamp"]>[1]>();

  constructor(
    private readonly world: NodeWorld,
    private readonly identity: NodeIdentity,
    onRefused?: ConstructorParameters<typeof NodeAgent>[2],
  ) {
    this.asks = new Asks(world.log);
    this.agent = new NodeAgent({ ...world, road: this.asks.before(world.road) }, identity, onRefused);
  }

  /** Starts the plugins in their order, then says hello. A plugin that throws stops all. */
  async start(plugins: readonly Plugin[]): Promise<void> {
    try {
      this.undos.add(this.ownLamps());
      for (const plugin of inOrder(plugins)) await plugin.node?.(this.contextOf(plugin));
    } catch (error) {
      this.stop();
      throw error;
    }
    this.undos.add(this.agent.start());
  }

  /** Ends at once; tasks under way are settled by the next start. */
  stop(): void {
    this.undos.run();
  }

  private ownLamps(): Undo {
    this.lamps.set("tasks", () => {
      const { running, waiting } = this.agent.load();
      return { state: running > 0 ? "busy" : "ok", queueLength: waiting, lastTurnAt: this.agent.lastTurnAt };
    });
    this.lamps.set("outbox", () => {
      const { outbox } = this.agent.load();
      const { connected, since } = this.world.road.status();
      return { state: connected ? "ok" : "down", queueLength: outbox, lastTurnAt: since };
    });
    const { certificate } = this.world;
    if (certificate)
      this.lamps.set("certificate", () => {
        return { state: certificate() ? "ok" : "down", queueLength: 0, lastTurnAt: null };
      });
    return () => this.lamps.clear();
  }

  private contextOf(plugin: Plugin): NodeContext {
    const { clock, hypervisor, clusterId } = this.world;
    const log = this.world.log.named(plugin.name);
    const keep = (undo: Undo): Undo => this.undos.add(undo);
    return {
      clusterId,
      clock,
      log,
      hooks: this.hooks,
      nodeName: this.identity.name,
      hypervisor,
      every: (name, ms, fn) => keep(steadily(clock, log, name, ms, fn)),
      onStop: (undo) => void keep(undo),
      operation: (kind, fn) => keep(this.agent.operation(kind, fn)),
      undo: (name, fn) => keep(this.agent.undo(name, fn)),
      report: (kind, body, latestKey) => this.agent.report(kind, body, latestKey),
      onAsk: (topic, answer) => keep(this.asks.on(topic, answer)),
      onWelcome: (fn) => keep(this.agent.onWelcome(fn)),
      lamp: (name, read) => {
        this.lamps.set(name, read);
        return keep(() => this.lamps.delete(name));
      },
      lamps: (): LaneStatus[] =>
        [...this.lamps].map(([name, read]) => ({ name, call: null, since: null, ...read() })),
    };
  }
}
