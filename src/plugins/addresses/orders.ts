/** The tasks that replacements give to nodes: to change a guest that runs, and to look whether one answers. */
import { type Actor, type ControllerContext, eq, type PreparedTask } from "jimv";
import { type Guest, guests } from "../guests/index.ts";
import type { Candidate, Candidates } from "./candidates.ts";
import { filterFor } from "./filters.ts";
import { textOfHex } from "./ip.ts";
import { checkReplaced, replaceLive } from "./replace-tasks.ts";
import { addresses, type Replacement } from "./schema.ts";
import type { Telling } from "./telling.ts";
import type { Tying } from "./tying.ts";

/** How a live order is given that follows another one. */
export interface Following {
  /** A task before may have changed the guest already. */
  again: boolean;
  /** A person says that the guest has it: nobody looks whether it answers. */
  unseen: boolean;
}
const first: Following = { again: false, unseen: false };

export class Orders {
  constructor(
    private readonly ground: ControllerContext,
    private readonly candidates: Candidates,
    private readonly telling: Telling,
    private readonly tying: Tying,
  ) {}

  /** Changes a guest that runs. */
  async live(
    guest: Guest,
    row: Replacement,
    candidate: Omit<Candidate, "statements">,
    actor: Actor,
    following = first,
  ): Promise<PreparedTask> {
    const old = await this.ground.store.first(addresses, { where: eq(addresses.address, row.oldAddress) });
    const before = old ? (await this.candidates.setUpOf(old)).prefix : candidate.prefix;
    return this.ground.tasks.prepare(replaceLive, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: `${guest.uuid}:address`,
      payload: {
        replacement: row.id,
        uuid: guest.uuid,
        mac: row.mac,
        old: `${textOfHex(row.oldAddress)}/${before}`,
        now: `${textOfHex(candidate.hex)}/${candidate.prefix}`,
        gateway: candidate.gateway && textOfHex(candidate.gateway),
        seed: await this.telling.seedOf(guest, row, candidate),
        tie: await this.tieOf(row, candidate),
        ...following,
      },
      actor,
    });
  }

  /** As `live`, of a replacement whose new address is booked. Null where it isn't any more. */
  async liveOnce(
    guest: Guest,
    row: Replacement,
    actor: Actor,
    more: Following,
  ): Promise<PreparedTask | null> {
    const fresh = await this.ground.store.first(addresses, { where: eq(addresses.address, row.newAddress) });
    if (!fresh) return null;
    const candidate = { hex: row.newAddress, ...(await this.candidates.setUpOf(fresh)) };
    return this.live(guest, row, candidate, actor, more);
  }

  /** Waits until a guest answers that was told at its boot. Null where that is under way, or the guest is gone. */
  async check(row: Replacement): Promise<PreparedTask | null> {
    const guest = await this.ground.store.first(guests, { where: eq(guests.uuid, row.guestUuid) });
    const open = await this.ground.tasks.openFor("guest", [row.guestUuid]);
    if (!guest || open.some(({ kind }) => kind === checkReplaced.kind)) return null;
    const fresh = await this.ground.store.first(addresses, { where: eq(addresses.address, row.newAddress) });
    const protect = fresh ? (await this.candidates.setUpOf(fresh)).protect : false;
    return this.ground.tasks.prepare(checkReplaced, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: `${guest.uuid}:address`,
      payload: {
        replacement: row.id,
        uuid: guest.uuid,
        mac: row.mac,
        address: textOfHex(row.newAddress),
        tie: await this.tieOf(row, { hex: row.newAddress, protect }),
      },
      actor: { kind: "system", name: "addresses" },
    });
  }

  /** What the guest's interface is under on the way to a new address; null where it is not tied at all. */
  async tieOf(row: Replacement, candidate: Pick<Candidate, "hex" | "protect">) {
    const held = await this.tying.addressesOf(row.guestUuid);
    const others = held.filter(({ hex }) => hex !== candidate.hex);
    const fresh = { address: textOfHex(candidate.hex), protect: candidate.protect };
    const during = filterFor([...others, fresh]);
    const after = filterFor([...others.filter(({ hex }) => hex !== row.oldAddress), fresh]);
    return during === null && after === null ? null : { during, after };
  }
}
