/** How a guest is told of its address: the way that is open to it, its new seed, and what travels with a boot. */
import {
  AppError,
  and,
  type ControllerContext,
  desc,
  eq,
  fieldError,
  isNull,
  type Statement,
  type Static,
  tasks,
  update,
} from "jimv";
import { bootJobsService, networkSeeds } from "../boot-jobs/index.ts";
import { type Addressing, type BootLuggage, type Guest, guestInterfaces } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import type { Candidate, Candidates } from "./candidates.ts";
import { addressOf, textOfHex } from "./ip.ts";
import { type CarriedSeed, carriedAs, type NewSeed } from "./replace-tasks.ts";
import type { ReplaceAddress } from "./requests.ts";
import {
  type AddressRow,
  addresses,
  isStillHeld,
  type Replacement,
  replacements,
  stillHeld,
} from "./schema.ts";

export class Telling {
  constructor(
    private readonly ground: ControllerContext,
    private readonly candidates: Candidates,
  ) {}

  /** The system boot job that will tell the guest, where it is one. @throws AppError when the way is not open */
  async demandWay(guest: Guest, request: ReplaceAddress, old: AddressRow): Promise<string | null> {
    const { name } = guest;
    if (request.when === "now") {
      if (guest.isWindows) throw fieldError("when", "addresses.live.windows", { name }, "conflict");
      if (guest.state !== "running")
        throw fieldError("when", "addresses.live.notRunning", { name }, "conflict");
      const node = await this.ground.use(nodeService).get(guest.nodeName);
      if (node?.state === "offline")
        throw new AppError("conflict", "guests.nodeAway", { node: guest.nodeName });
    }
    if (guest.seedPath !== null) {
      if (!(await this.hasBooted(guest))) throw new AppError("conflict", "addresses.neverBooted", { name });
      return null;
    }
    const style = request.style ?? (guest.isWindows ? "Windows" : undefined);
    const seed = networkSeeds.find((each) => each.style === style);
    const jobs = this.ground.find(bootJobsService);
    if (!seed || !jobs || addressOf(old.address).family !== "ipv4") {
      // A live change needs no job; only a reboot would not keep it.
      if (request.when === "now" && style === undefined) return null;
      throw fieldError("style", seed ? "addresses.jobsOnlyIpv4" : "addresses.styleNeeded", { name });
    }
    const job = await jobs.keepSystemJob(
      `addresses-${seed.style}`.slice(0, 36),
      `Replace address: ${seed.style}`,
      "boot",
      seed.rules,
    );
    return job.id;
  }

  /** Whether cloud-init has done its first set-up: a seed that only tells the network would take it away. */
  private async hasBooted(guest: Guest): Promise<boolean> {
    const { store } = this.ground;
    if (guest.startedAt !== null) return true;
    const cards = await store.select(guestInterfaces, { where: eq(guestInterfaces.guestUuid, guest.uuid) });
    if (cards.some((card) => card.addresses !== null)) return true;
    return (
      (await store.count(
        tasks,
        and(eq(tasks.targetKey, guest.uuid), eq(tasks.kind, "guests.start"), eq(tasks.state, "succeeded")),
      )) > 0
    );
  }

  /**
   * The guest's seed as it should be once the replacement holds: all booked addresses, the new one in the old one's
   * place. With `candidate` null as it is without the replacement.
   */
  async seedOf(
    guest: Guest,
    row: Replacement,
    candidate: Omit<Candidate, "statements"> | null,
  ): Promise<Static<typeof NewSeed> | null> {
    if (guest.seedPath === null) return null;
    const { store } = this.ground;
    const cards = await store.select(guestInterfaces, {
      where: eq(guestInterfaces.guestUuid, guest.uuid),
    });
    const lost = (
      await store.select(replacements, { where: and(eq(replacements.guestUuid, guest.uuid), stillHeld) })
    ).map(({ newAddress }) => newAddress);
    const hers = await store.select(addresses, { where: eq(addresses.guestUuid, guest.uuid) });
    const booked = hers.filter(({ address }) => !lost.includes(address));
    const interfaces = [];
    for (const { mac } of cards.sort((a, b) => a.position - b.position)) {
      const addressing: Addressing = { addresses: [], gateways: [], dns: [] };
      const add = (hex: string, prefix: number, gateway: string | null, dns: readonly string[]): void => {
        addressing.addresses.push(`${textOfHex(hex)}/${prefix}`);
        if (gateway) addressing.gateways.push(textOfHex(gateway));
        addressing.dns.push(...dns);
      };
      for (const each of booked.filter((one) => one.mac === mac)) {
        if (each.address === candidate?.hex) continue;
        const { prefix, gateway, dns } = await this.candidates.setUpOf(each);
        if (candidate && each.address === row.oldAddress)
          add(candidate.hex, candidate.prefix, candidate.gateway, dns);
        else add(each.address, prefix, gateway, dns);
      }
      interfaces.push({ mac, ...(addressing.addresses.length > 0 ? { addressing } : {}) });
    }
    const { hostname, userName } = guest;
    const instanceId = `${guest.uuid}-${row.id.slice(0, 8)}-${row.telling}`;
    return { path: guest.seedPath, facts: { instanceId, hostname, userName, interfaces } };
  }

  /**
   * Puts what a guest is owed into its boot's luggage: a new seed, or the boot job. The statements must be written in
   * the batch that books the boot: it does not happen if the replacement has changed since it was read here, and whoever
   * reads it afterwards sees that a boot has taken it along.
   */
  async pack(guest: Guest, luggage: BootLuggage): Promise<Statement[]> {
    const { store } = this.ground;
    const row = await store.first(replacements, {
      where: and(eq(replacements.guestUuid, guest.uuid), eq(replacements.owed, true)),
      orderBy: desc(replacements.createdAt),
    });
    if (!row) return [];
    const telling = row.telling + 1;
    const same = row.openFor === null ? isNull(replacements.openFor) : eq(replacements.openFor, row.openFor);
    const counted = update(
      replacements,
      { telling },
      and(eq(replacements.id, row.id), eq(replacements.telling, row.telling), same),
      { expect: 1 },
    );
    let seed: Static<typeof NewSeed> | null = null;
    if (guest.seedPath !== null) {
      const fresh = await store.first(addresses, { where: eq(addresses.address, row.newAddress) });
      const isComing = row.openFor !== null && fresh !== null;
      const candidate = isComing ? { hex: row.newAddress, ...(await this.candidates.setUpOf(fresh)) } : null;
      seed = await this.seedOf(guest, { ...row, telling }, candidate);
    } else if (row.jobId !== null) {
      await this.queueJob(row.guestUuid, row.jobId);
      return [counted];
    } else if (!isStillHeld(row)) return [];
    // Without a seed, whatever was changed while it ran is lost by the boot itself.
    const carried: Static<typeof CarriedSeed> = { replacement: row.id, telling, seed };
    luggage.carry[carriedAs] = JSON.stringify(carried);
    return [counted];
  }

  /** Right before the boot jobs pack: one that was taken back or has expired is queued again. */
  private async queueJob(guestUuid: string, jobId: string): Promise<void> {
    const jobs = this.ground.find(bootJobsService);
    if (!jobs) return;
    try {
      await jobs.queue([guestUuid], [jobId], { kind: "system", name: "addresses" });
    } catch (error) {
      if (!(error instanceof AppError) || error.word !== "boot-jobs.queuedAlready") throw error;
    }
  }
}
