/**
 * The node's eye on its domains: each of libvirt's events becomes a report at once, and the full list follows
 * from time to time. What is reported last is always what was true last, also when a list and an event cross.
 */
import { type DomainEvent, type DomainFact, errorText, type NodeContext, timing } from "jimv";
import type { Observed } from "./states.ts";

/** Libvirt tells of a definition by several events in a row; the list waits until they have passed. */
const listDelayMilliseconds = 200;

export class Observer {
  /** Domains that had an event while something was being asked, per question under way. */
  private readonly crossings = new Set<Set<string>>();
  private listing = false;
  private listAgain = false;
  private listPlanned = false;

  private readonly listeners = new Set<(facts: readonly DomainFact[]) => void>();

  constructor(private readonly context: NodeContext) {}

  /** Hands each full list to others, so that nobody else asks for one. */
  onList(listener: (facts: readonly DomainFact[]) => void): void {
    this.listeners.add(listener);
  }

  start(): void {
    const { hypervisor, context } = { hypervisor: this.context.hypervisor, context: this.context };
    context.onStop(hypervisor.onDomain((event) => this.heard(event)));
    let wasConnected = hypervisor.status().connected;
    context.onStop(
      hypervisor.onStatus((status) => {
        // Events were missed while libvirtd was away.
        if (status.connected && !wasConnected) this.listUntilSettled();
        wasConnected = status.connected;
      }),
    );
    context.onWelcome(() => this.list());
    context.every("guests.list", timing.fullListMilliseconds, () => this.list());
  }

  /**
   * A libvirtd that has just started answers before it has found all its guests again: some events of those moments
   * come from nowhere else than the next list.
   */
  private listUntilSettled(): void {
    void this.list();
    for (const times of [1, 3])
      this.context.clock.after(times * timing.listAfterConnectMilliseconds, () => void this.list());
  }

  private heard(event: DomainEvent): void {
    if (event.kind === "pass" || event.kind === "agent") return;
    // An event that tells no state must not keep a list from telling it.
    if (event.state !== null || event.kind === "undefined")
      for (const crossing of this.crossings) crossing.add(event.uuid);
    if (event.kind === "undefined") {
      // A domain that still runs outlives its definition.
      void this.look(event.uuid).catch((error) => this.warn("look", error));
    } else if (event.state !== null) this.report(event.uuid, event.state, event.kind);
    if (event.kind === "defined" || event.kind === "undefined") this.planList();
  }

  private report(uuid: string, state: Observed, kind: string): void {
    this.context.report("guests.changed", { uuid, state, kind });
  }

  /**
   * Asks for one domain and reports it, so that what comes after this report (a task's end) finds the truth
   * told. @throws HypervisorError
   */
  async look(uuid: string): Promise<Observed> {
    const crossing = this.cross();
    try {
      const fact = await this.context.hypervisor.domain(uuid);
      const state = fact?.state ?? "absent";
      // An event that came meanwhile was reported, and may know better.
      if (!crossing.has(uuid)) this.report(uuid, state, "look");
      return state;
    } finally {
      this.crossings.delete(crossing);
    }
  }

  /** Reports all domains. A second call while one is under way makes one more list afterwards. */
  async list(): Promise<void> {
    if (this.listing) {
      this.listAgain = true;
      return;
    }
    this.listing = true;
    try {
      do {
        this.listAgain = false;
        await this.listOnce();
      } while (this.listAgain);
    } catch (error) {
      this.warn("list", error);
    } finally {
      this.listing = false;
    }
  }

  private async listOnce(): Promise<void> {
    const { hypervisor } = this.context;
    if (!hypervisor.status().connected) return;
    const crossing = this.cross();
    try {
      const all = await hypervisor.domains();
      for (const listener of this.listeners) listener(all);
      const domains = all
        .filter((fact) => !crossing.has(fact.uuid))
        .map(({ uuid, name, state, clusterId, vcpus, memoryMiB }) => ({
          uuid,
          name,
          state,
          clusterId,
          vcpus,
          memoryMiB,
        }));
      this.context.report("guests.list", { domains, untold: [...crossing] }, "guests.list");
    } finally {
      this.crossings.delete(crossing);
    }
  }

  private planList(): void {
    if (this.listPlanned) return;
    this.listPlanned = true;
    this.context.clock.after(listDelayMilliseconds, () => {
      this.listPlanned = false;
      void this.list();
    });
  }

  private cross(): Set<string> {
    const crossing = new Set<string>();
    this.crossings.add(crossing);
    return crossing;
  }

  private warn(what: string, error: unknown): void {
    this.context.log.debug("the hypervisor can't be asked", { what, error: errorText(error) });
  }
}
