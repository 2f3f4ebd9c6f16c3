/**
 * Who may see a guest's screen, and when. A ticket is random, good for one connection within some seconds,
 * and bound to a guest and to who asked: it stands in the socket's address, where logs may keep it.
 */
import { createHash, randomBytes } from "node:crypto";
import { type Actor, AppError, type Clock, eq, insert, lte, remove, type Store, timing } from "jimv";
import { consoleTickets } from "./schema.ts";

/** What the console needs to know of a guest. */
export interface ConsoleGuest {
  uuid: string;
  name: string;
  nodeName: string;
  /** Whether its state lets people see its screen. */
  allowed: boolean;
  vncPort: number | null;
}

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
  /** @throws AppError notFound */
  guest(uuid: string): Promise<ConsoleGuest>;
  /** The password that the guest's VNC server asks for. */
  vncPassword(uuid: string): Promise<string>;
  /** The host that answers for a node's VNC servers; null when the node is not heard. */
  vncHost(nodeName: string): Promise<string | null>;
}

export const socketPath = "/console/socket";

export const hasScreen = (guest: ConsoleGuest): boolean => guest.allowed && guest.vncPort !== null;

export class ConsoleService {
  constructor(private readonly needs: ConsoleNeeds) {}

  guest(uuid: string): Promise<ConsoleGuest> {
    return this.needs.guest(uuid);
  }

  /** @throws AppError notFound; conflict when the guest has no screen now; unavailable when its node is away */
  async issue(uuid: string, actor: Actor): Promise<ConsoleTicket> {
    const { store, clock } = this.needs;
    const guest = await this.needs.guest(uuid);
    await this.addressOf(guest);
    const password = await this.needs.vncPassword(uuid);
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
  async redeem(ticket: string, actor: Actor): Promise<{ guest: ConsoleGuest; address: VncAddress }> {
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
    const guest = await this.needs.guest(row.guestUuid);
    return { guest, address: await this.addressOf(guest) };
  }

  private async addressOf(guest: ConsoleGuest): Promise<VncAddress> {
    const { name, vncPort: port } = guest;
    if (!hasScreen(guest) || port === null) throw new AppError("conflict", "console.notRunning", { name });
    const host = await this.needs.vncHost(guest.nodeName);
    if (host === null) throw new AppError("unavailable", "console.nodeAway", { node: guest.nodeName });
    return { host, port };
  }
}

const hashOf = (ticket: string): string => createHash("sha256").update(ticket).digest("hex");

const nameOf = (actor: Actor): string => `${actor.kind}:${actor.name}`.slice(0, 128);
