/**
 * What a node tells of its guests beside their states: the addresses that they were seen with, by itself and only
 * when they change; definition and screen when somebody asks, since they are worth nothing to nobody.
 */
import {
  type DomainEvent,
  type DomainFact,
  errorText,
  type GuestAddress,
  HypervisorError,
  type HypervisorErrorCode,
  type NodeContext,
  timing,
  type Undo,
} from "jimv";
import type { Observer } from "./observer.ts";
import { readPpm, shrunk, writePng } from "./picture.ts";
import type { ObservedAddress } from "./schema.ts";

/** What a controller asks for: definition, screen and addresses of one guest. */
export const lookTopic = "guests.look";

/** A thumbnail's width in pixels: twice what the page shows, for dense displays. */
const screenWidth = 480;
/** A picture that libvirt made PNG of by itself is sent as it is, up to this. */
const pngLimitBytes = 512 * 1024;

export interface Seen {
  mac: string;
  addresses: ObservedAddress[];
}

interface Watched {
  /** Milliseconds until the next look, and twice as many until the one after, while nothing changes. */
  pause: number;
  /** What was reported last, as text. */
  told: string;
  /** It is told at the next look, whether it changed or not. */
  owing: boolean;
  cancel: Undo;
}

export class Looking {
  private readonly watched = new Map<string, Watched>();
  /** Looks one after the other: none is urgent, and hung agents must not fill their lane. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: NodeContext,
    private readonly observer: Pick<Observer, "onList">,
  ) {}

  start(): void {
    const { context } = this;
    context.onStop(context.hypervisor.onDomain((event) => this.heard(event)));
    context.onAsk(lookTopic, (uuid) => this.tell(uuid));
    // A store that was put back from a backup may know less. At each guest's own next look and not now: a controller
    // that comes back welcomes all nodes at once, and would hear of every guest of the cluster in the same seconds.
    context.onWelcome(() => {
      for (const each of this.watched.values()) each.owing = true;
    });
    context.onStop(() => this.clear());
    this.observer.onList((facts) => this.listed(facts));
  }

  /** A guest that starts, or whose agent begins to answer, soon has addresses. */
  private heard({ uuid, kind, state }: DomainEvent): void {
    const known = this.watched.get(uuid);
    if (kind === "started" || (known && (kind === "agent" || kind === "rebooted"))) this.watch(uuid);
    if (state === "off" || state === "crashed") this.forget(uuid);
  }

  /** Finds guests of ours that run and are not watched: those of before this process, and missed events. */
  private listed(facts: readonly DomainFact[]): void {
    const ours = new Map(
      facts.filter((fact) => fact.clusterId === this.context.clusterId).map((fact) => [fact.uuid, fact]),
    );
    for (const { uuid, state } of ours.values()) {
      if (state === "off" || state === "crashed") this.forget(uuid);
      else if (!this.watched.has(uuid)) this.watch(uuid);
    }
    for (const uuid of this.watched.keys()) if (!ours.has(uuid)) this.drop(uuid);
  }

  /** Looks soon, and from then on ever more seldom. */
  private watch(uuid: string): void {
    const known = this.watched.get(uuid);
    this.plan(uuid, timing.addressFirstMilliseconds, known?.told ?? "", known?.owing ?? false);
  }

  private plan(uuid: string, pause: number, told: string, owing: boolean): void {
    this.watched.get(uuid)?.cancel();
    const cancel = this.context.clock.after(pause, () => {
      this.turn = this.turn.then(() => this.lookAt(uuid));
    });
    this.watched.set(uuid, { pause, told, owing, cancel });
  }

  private drop(uuid: string): void {
    this.watched.get(uuid)?.cancel();
    this.watched.delete(uuid);
  }

  private clear(): void {
    for (const uuid of [...this.watched.keys()]) this.drop(uuid);
  }

  /** A guest that is off has no addresses; said once. */
  private forget(uuid: string): void {
    const known = this.watched.get(uuid);
    this.drop(uuid);
    if (known && known.told !== "" && known.told !== "[]") this.report(uuid, []);
  }

  /** Reports addresses that changed, and plans the next look: soon while something is going on, else seldom. */
  private async lookAt(uuid: string): Promise<void> {
    const before = this.watched.get(uuid);
    if (!before) return;
    let seen: Seen[] | null = null;
    try {
      seen = await this.addressesOf(uuid, before.told);
    } catch (error) {
      // libvirtd is away: nobody knows whether the guest still has them.
      this.context.log.debug("addresses can't be read", { guest: uuid, error: errorText(error) });
    }
    const known = this.watched.get(uuid);
    if (!known) return; // it stopped meanwhile
    const told = seen ? JSON.stringify(seen) : known.told;
    const changed = told !== known.told;
    const pause = Math.min(known.pause * 2, timing.addressLongestMilliseconds);
    this.plan(uuid, changed ? timing.addressFirstMilliseconds : pause, told, known.owing && !seen);
    if (seen && (changed || known.owing)) this.report(uuid, seen);
  }

  private report(uuid: string, interfaces: Seen[]): void {
    this.context.report("guests.addresses", { uuid, interfaces }, `guests.addresses:${uuid}`);
  }

  /**
   * The host's leases and what the guest's agent says; the first to name an address has named it. The host's ARP table
   * is asked only of guests whose agent never answered: it remembers addresses that a guest has left.
   */
  private async addressesOf(uuid: string, told: string): Promise<Seen[]> {
    const found = new Map<string, ObservedAddress[]>();
    const add = (mac: string, one: ObservedAddress): void => {
      const before = found.get(mac) ?? [];
      if (isUseful(one.address) && !before.some(({ address }) => address === one.address))
        found.set(mac, [...before, one]);
    };
    for (const { mac, address, prefix } of await this.context.hypervisor.leases(uuid))
      add(mac, { address, prefix, source: "lease" });
    const said = await this.agentAddresses(uuid);
    if (said) for (const { mac, address, prefix } of said) add(mac, { address, prefix, source: "agent" });
    else {
      // An agent that is silent for a moment takes back nothing that it said.
      const before = (told === "" ? [] : (JSON.parse(told) as Seen[])).flatMap(({ mac, addresses }) =>
        addresses.filter(({ source }) => source === "agent").map((one) => ({ mac, one })),
      );
      for (const { mac, one } of before) add(mac, one);
      const spoken = before.length > 0 ? [] : await this.context.hypervisor.neighbours(uuid);
      for (const { mac, address, prefix } of spoken) add(mac, { address, prefix, source: "arp" });
    }
    return [...found]
      .map(([mac, addresses]) => ({ mac, addresses: addresses.slice(0, mostAddresses) }))
      .sort((a, b) => (a.mac < b.mac ? -1 : 1))
      .slice(0, mostInterfaces);
  }

  /**
   * Null while no agent answers. By the agent's own command and not by virDomainInterfaceAddresses: that one waits
   * for a hung agent without an end, while a command has its time-out.
   */
  private async agentAddresses(uuid: string): Promise<GuestAddress[] | null> {
    const command = { execute: "guest-network-get-interfaces" };
    try {
      return readAgentInterfaces(await this.context.hypervisor.agent(uuid, command, timing.agentPingSeconds));
    } catch (error) {
      if (error instanceof HypervisorError && !awayCodes.has(error.code)) return null;
      throw error;
    }
  }

  /** Everything that a page shows of one guest, as it is now. */
  private async tell(uuid: string): Promise<void> {
    const { hypervisor, clusterId } = this.context;
    const fact = await hypervisor.domain(uuid);
    if (!fact || fact.clusterId !== clusterId) return;
    const runs = fact.state === "running" || fact.state === "paused";
    const [xml, screen, agentMayRun] = await Promise.all([
      hypervisor.xml(uuid),
      runs ? this.screenOf(uuid) : null,
      fact.state === "running" ? this.agentMayRun(uuid) : null,
    ]);
    this.context.report("guests.details", { uuid, xml, screen, agentMayRun }, `guests.details:${uuid}`);
    if (this.watched.has(uuid)) await this.lookAt(uuid);
  }

  /** Whether the guest's agent may run commands: it says of each that it knows whether that is allowed. Null for silence. */
  private async agentMayRun(uuid: string): Promise<boolean | null> {
    try {
      const command = { execute: "guest-info" };
      return readAgentMayRun(await this.context.hypervisor.agent(uuid, command, timing.agentPingSeconds));
    } catch (error) {
      this.context.log.debug("a guest's agent does not say what it may", {
        guest: uuid,
        error: errorText(error),
      });
      return null;
    }
  }

  /** PNG in base64, or null where the guest has no picture to show. */
  private async screenOf(uuid: string): Promise<string | null> {
    try {
      const { mime, data } = await this.context.hypervisor.screenshot(uuid);
      if (mime === "image/png")
        return data.length <= pngLimitBytes ? Buffer.from(data).toString("base64") : null;
      const picture = readPpm(data);
      return picture && writePng(shrunk(picture, screenWidth)).toString("base64");
    } catch (error) {
      this.context.log.debug("no picture of a screen", { guest: uuid, error: errorText(error) });
      return null;
    }
  }
}

/** Errors that say nothing of the guest. */
const awayCodes: ReadonlySet<HypervisorErrorCode> = new Set(["unavailable", "timeout"]);

const mostAddresses = 16;
const mostInterfaces = 16;

/** Not those that every machine has: loopback, and link-local ones, by which nobody reaches a guest. */
function isUseful(address: string): boolean {
  return !/^(127\.|::1$|fe80:|169\.254\.)/i.test(address);
}

/** The answer to `guest-info`: false where guest-exec is blocked or not known. Foreign, and of any shape: then null. */
export function readAgentMayRun(answer: unknown): boolean | null {
  const commands = (answer as { supported_commands?: unknown } | null | undefined)?.supported_commands;
  if (!Array.isArray(commands)) return null;
  return commands.some((one) => one?.name === "guest-exec" && one.enabled === true);
}

/** The answer to `guest-network-get-interfaces`. It comes out of the guest: foreign, and of any shape. */
export function readAgentInterfaces(answer: unknown): GuestAddress[] {
  const found: GuestAddress[] = [];
  for (const one of Array.isArray(answer) ? answer : []) {
    const mac = String(one?.["hardware-address"] ?? "").toLowerCase();
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) continue;
    for (const ip of Array.isArray(one?.["ip-addresses"]) ? one["ip-addresses"] : []) {
      const [address, prefix] = [ip?.["ip-address"], ip?.prefix];
      const isAddress = typeof address === "string" && /^[0-9a-f.:]{2,45}$/i.test(address);
      if (isAddress && Number.isInteger(prefix) && prefix >= 0 && prefix <= 128)
        found.push({ mac, address, prefix });
    }
  }
  return found;
}
