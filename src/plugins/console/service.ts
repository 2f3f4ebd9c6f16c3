/**
 * Who may see a guest's screen, and when. A ticket is random, good for one connection within some seconds,
 * and bound to a guest and to who asked: it stands in the socket's address, where logs may keep it.
 */
import { createHash, randomBytes } from "node:crypto";
import { type Actor, AppError, type Clock, eq, insert, lte, remove, type Store, timing } from "jimv";
import type { GuestScreen } from "../guests/index.ts";
import { consoleTickets } from "./schema.ts";

/** Where a guest's screen is to be had. */
export interface VncAddress {
  host: string;
  port: number;
}

export interface ConsoleTicket {
  ticket: string;
  /** The VNC server's password, at most 8 characters. */
  password: string;
  /** Where to open the WebSocket, without the ticket. */
  socketUrl: string;
  /** UTC milliseconds. */
  expiresAt: number;
}

export interface ConsoleNeeds {
  store: Pick<Store, "batch" | "run" | "first">;
  clock: Pick<Clock, "now">;
  /** @throws AppError notFound; conflict with the reason when its state shows no screen */
  screen(uuid: string): Promise<GuestScreen>;
  /** @throws AppError notFound */
  name(uuid: string): Promise<string>;
  /** Whether the node was heard of late. */
  isHeard(nodeName: string): Promise<boolean>;
}

export const socketPath = "/console/socket";

export class ConsoleService {
  constructor(private readonly needs: ConsoleNeeds) {}

  /** @throws AppError notFound */
  name(uuid: string): Promise<string> {
    return this.needs.name(uuid);
  }

  /** @throws AppError notFound; conflict when the guest has no screen now; unavailable when its node is away */
  async issue(uuid: string, actor: Actor): Promise<ConsoleTicket> {
    const { store, clock } = this.needs;
    const { password } = await this.reachable(uuid);
    const ticket = randomBytes(32).toString("base64url");
    const expiresAt = clock.now() + timing.consoleTicketMilliseconds;
    await store.batch([
      remove(consoleTickets, lte(consoleTickets.expiresAt, clock.now())),
      insert(consoleTickets, { hash: hashOf(ticket), guestUuid: uuid, actor: nameOf(actor), expiresAt }),
    ]);
    return { ticket, password, socketUrl: socketPath, expiresAt };
  }

  /**
   * Uses a ticket up.
   * @throws AppError forbidden for a ticket that is unknown, used, too old or somebody else's; and as `issue`
   */
  async redeem(ticket: string, actor: Actor): Promise<{ guestUuid: string; address: VncAddress }> {
    const { store, clock } = this.needs;
    const refused = new AppError("forbidden", "console.badTicket");
    const hash = hashOf(ticket);
    const row = await store.first(consoleTickets, { where: eq(consoleTickets.hash, hash) });
    if (!row || row.actor !== nameOf(actor)) throw refused;
    try {
      // Of two at the same time only one removes it.
      await store.run(remove(consoleTickets, eq(consoleTickets.hash, hash), { expect: 1 }));
    } catch (cause) {
      if ((cause as Error).name === "StoreExpectationError") throw refused;
      throw cause;
    }
    if (row.expiresAt <= clock.now()) throw refused;
    return { guestUuid: row.guestUuid, address: addressOf(await this.reachable(row.guestUuid)) };
  }

  /** Whether the screen is still where it was. */
  async isStillAt(guestUuid: string, address: VncAddress): Promise<boolean> {
    try {
      const now = addressOf(await this.needs.screen(guestUuid));
      return now.host === address.host && now.port === address.port;
    } catch (error) {
      if (error instanceof AppError && error.status < 500) return false;
      throw error;
    }
  }

  private async reachable(uuid: string): Promise<GuestScreen> {
    const screen = await this.needs.screen(uuid);
    if (!(await this.needs.isHeard(screen.nodeName)))
      throw new AppError("unavailable", "console.nodeAway", { node: screen.nodeName });
    return screen;
  }
}

/** A server that listens on every address is reached on this machine's own. */
function addressOf({ listen, port }: GuestScreen): VncAddress {
  const host = listen === "0.0.0.0" ? "127.0.0.1" : listen === "::" ? "::1" : listen;
  return { host, port };
}

const hashOf = (ticket: string): string => createHash("sha256").update(ticket).digest("hex");

const nameOf = (actor: Actor): string => `${actor.kind}:${actor.name}`.slice(0, 128);
