/**
 * On which of two nodes a guest is. A migration is libvirt's work and may end while nobody listens: the process that
 * asked for it was killed, a libvirtd died, the last answer was lost. Then only a look at both sides tells, and one
 * rule decides:
 *
 * - on its way (either side says so): wait;
 * - on one side alone: there it is;
 * - running on this side: here. What is left over there never ran;
 * - at rest here, but running there: there. libvirt pauses a guest here for good before it lets it run there, and keeps
 *   it so when it does not hear how that ended;
 * - at rest on both sides: there, as the definition there is made last of all (the guest was off), or when its memory
 *   has arrived (it was paused);
 * - running on both sides: this can't be, and nobody touches anything.
 */
import {
  AppError,
  type Clock,
  type DomainFact,
  type Hypervisor,
  HypervisorError,
  type PeerHypervisor,
  timing,
} from "jimv";

/** Where it is, and whether something of it must be cleared away on the other side. */
export type Whereabouts = { at: "here" | "there"; elsewhere: DomainFact | null };

const isRunning = (fact: DomainFact): boolean => fact.state === "running" || fact.state === "stopping";

/**
 * Looks until it is clear, for some minutes at most.
 * @throws AppError migration.unclear, migration.lost, migration.twice; HypervisorError when libvirtd here is away
 */
export async function whereabouts(
  hypervisor: Pick<Hypervisor, "domain" | "migrations">,
  peer: PeerHypervisor,
  clock: Clock,
  guest: { uuid: string; name: string; node: string },
  signal?: AbortSignal,
): Promise<Whereabouts> {
  const end = clock.now() + timing.migrateSettlePatienceMilliseconds;
  for (;;) {
    let reason: string;
    try {
      const found = await look(hypervisor, peer, guest);
      if (found) return found;
      reason = "";
    } catch (error) {
      if (!(error instanceof HypervisorError && error.retryable)) throw error;
      reason = error.message;
    }
    if (clock.now() >= end || signal?.aborted)
      throw new AppError("unavailable", "migration.unclear", { ...guest, reason });
    await clock.sleep(timing.migrateSettleMilliseconds);
  }
}

/** Null while it is on its way. */
async function look(
  hypervisor: Pick<Hypervisor, "domain" | "migrations">,
  peer: PeerHypervisor,
  guest: { uuid: string; name: string; node: string },
): Promise<Whereabouts | null> {
  const { uuid } = guest;
  const here = await hypervisor.domain(uuid);
  if (here && (await hypervisor.migrations.job(uuid))) return null;
  let there: DomainFact | null;
  try {
    there = await peer.domain(uuid);
  } catch (error) {
    // Running here it is here, whatever the other side has to say.
    if (here && isRunning(here)) return { at: "here", elsewhere: null };
    throw error;
  }
  if (there && (await peer.job(uuid))) return null;
  if (!here && !there) throw new AppError("conflict", "migration.lost", { ...guest });
  if (!there) return { at: "here", elsewhere: null };
  if (!here) return { at: "there", elsewhere: null };
  if (isRunning(here)) {
    if (isRunning(there)) throw new AppError("conflict", "migration.twice", { ...guest });
    return { at: "here", elsewhere: there };
  }
  const hasArrived = isRunning(there) || here.state !== "paused" || (await peer.arrival(uuid)) !== null;
  return hasArrived ? { at: "there", elsewhere: here } : { at: "here", elsewhere: there };
}
