/** The rules of the first start: who may do it, once, and what it does. */
import {
  type AccessService,
  type Actor,
  AppError,
  type Clock,
  fieldError,
  type Log,
  type SettingsDesk,
  type Store,
} from "jimv";
import { lookAtFolder, type NodeConfig, type NodeService, NodeSettings } from "../nodes/index.ts";
import { type Facts, judge } from "./checks.ts";
import type { Check, SetupHost, SetupInput, SetupService } from "./contract.ts";

export interface SetupGround {
  store: Store;
  clock: Clock;
  log: Log;
  settings: SettingsDesk;
  access: AccessService;
  nodes: NodeService;
  host: SetupHost;
  /** Keeps what was chosen for a node that was not heard yet. */
  keepChoice(node: string, config: NodeConfig): Promise<void>;
}

export class Setup implements SetupService {
  private done = false;
  private finishing: Promise<unknown> = Promise.resolve();

  constructor(private readonly ground: SetupGround) {}

  isDone(): boolean {
    return this.done;
  }

  /** Asks the store anew: another controller may have been set up meanwhile. */
  async look(): Promise<boolean> {
    this.done ||= await this.ground.access.hasPeople();
    return this.done;
  }

  async checks(): Promise<Check[]> {
    return judge(await this.facts());
  }

  /** This machine's node; null while it hasn't reported. */
  async node() {
    const { localNode } = this.ground.host;
    return localNode === null ? null : this.ground.nodes.get(localNode);
  }

  private async facts(): Promise<Facts> {
    const { host, clock, settings } = this.ground;
    const { vncPortFirst, vncPortLast } = await settings.read("nodes", NodeSettings);
    return {
      database: await this.database(),
      road: host.road(),
      node: host.localNode === null ? "none" : await this.node(),
      space: await freeSpace(host.storagePath),
      ports: { first: vncPortFirst, last: vncPortLast },
      now: clock.now(),
    };
  }

  private async database(): Promise<Facts["database"]> {
    const { store } = this.ground;
    try {
      return { product: store.dialect === "sqlite" ? "SQLite" : "MySQL", ...(await store.ping()) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  async refusalOf(input: SetupInput): Promise<AppError | null> {
    const { storagePath, bridge, vncPortFirst, vncPortLast } = input;
    if (this.ground.host.localNode === null) return null;
    const config = { storagePath, bridge, vncPortFirst, vncPortLast };
    const refusal = this.ground.nodes.refusalOf(config);
    if (refusal) return refusal;
    // Its node is this machine: what the node would say of the folder can be said at once.
    const { refusal: folder } = await lookAtFolder(storagePath);
    if (folder) return fieldError("storagePath", folder.word, folder.args);
    const node = await this.node();
    if (bridge !== null && node && !node.bridges.includes(bridge))
      return fieldError("bridge", "nodes.noBridge", { bridge });
    return null;
  }

  finish(input: SetupInput, actor: Actor): ReturnType<SetupService["finish"]> {
    // One after the other: of two first administrators the second is refused.
    const work = this.finishing.then(() => this.finishOnce(input, actor));
    this.finishing = work.catch(() => {});
    return work;
  }

  private async finishOnce(input: SetupInput, actor: Actor) {
    const { access, settings, store, nodes, host, log } = this.ground;
    if (await this.look()) throw new AppError("conflict", "setup.done");
    const refusal = await this.refusalOf(input);
    if (refusal) throw refusal;
    const { storagePath, bridge, vncPortFirst, vncPortLast } = input;
    const change = await settings.change("nodes", NodeSettings, { vncPortFirst, vncPortLast });
    await store.batch(change.statements, { events: change.events });
    // Last of what can be refused: from here on the wizard is closed, and the rest can be mended inside.
    const person = await access.createPerson({
      name: input.name,
      password: input.password,
      role: "administrator",
      language: input.language,
    });
    this.done = true;
    let taskId: string | null = null;
    const node = await this.node();
    if (host.localNode !== null && !node)
      await this.ground.keepChoice(host.localNode, { storagePath, bridge, vncPortFirst, vncPortLast });
    if (host.localNode !== null && node) {
      try {
        taskId = await nodes.configure(node.name, { storagePath, bridge, vncPortFirst, vncPortLast }, actor);
      } catch (error) {
        // The node's page says that it is not set up and offers it again.
        log.warn("the node can't be set up yet", { node: node.name, error: String(error) });
      }
    }
    return { person, taskId };
  }
}

/** Free space where a folder is or would be made; null where that can't be told. */
export async function freeSpace(path: string): Promise<{ path: string; availableBytes: number } | null> {
  const { availableBytes } = await lookAtFolder(path);
  return availableBytes === null ? null : { path, availableBytes };
}
