/**
 * The ports on which QEMU listens for a guest that comes: one for its memory, one for disks that are copied. They are
 * given out here, so that a firewall can be told of them and two migrations don't meet on one; that none is given out
 * twice is the unique index's work.
 */
import { AppError, type ControllerContext, eq, insert, remove, type Statement, StoreUniqueError } from "jimv";
import { MigrationSettings } from "./requests.ts";
import { ports } from "./schema.ts";

interface Ports {
  memoryPort: number | null;
  diskPort: number | null;
}
interface PortNeed {
  memory: boolean;
  disks: boolean;
}

/** A guest that is off has its files sent through libvirtd's own connection. */
export function needOf(state: string, disks: readonly { copy: boolean }[]): PortNeed {
  const memory = state !== "off" && state !== "crashed";
  return { memory, disks: memory && disks.some(({ copy }) => copy) };
}

/** Whether a batch was refused because somebody else booked the port meanwhile. */
export const isPortTaken = (error: unknown): boolean =>
  error instanceof StoreUniqueError && error.index === "migration_ports_port";

/** The node's lowest free ones, except `refused`. @throws AppError conflict when there are not enough */
export async function givePorts(
  context: Pick<ControllerContext, "store" | "settings">,
  node: string,
  need: PortNeed,
  refused: readonly number[] = [],
): Promise<Ports> {
  const { portFirst, portLast } = await context.settings.read("migration", MigrationSettings);
  const booked = await context.store.select(ports, { where: eq(ports.node, node) });
  const taken = new Set([...refused, ...booked.map(({ port }) => port)]);
  const give = (): number => {
    for (let port = portFirst; port <= portLast; port++)
      if (!taken.has(port)) {
        taken.add(port);
        return port;
      }
    // As texts: ports are names, not amounts.
    const range = { first: String(portFirst), last: String(portLast) };
    throw new AppError("conflict", "migration.no.port", { node, ...range });
  };
  return { memoryPort: need.memory ? give() : null, diskPort: need.disks ? give() : null };
}

/** What is written when a migration begins. */
export function bookPorts(task: string, node: string, { memoryPort, diskPort }: Ports): Statement[] {
  return [memoryPort, diskPort].flatMap((port) =>
    port === null ? [] : [insert(ports, { id: Bun.randomUUIDv7(), node, port, task })],
  );
}

/** What is written when it is over. */
export const freePorts = (task: string): Statement => remove(ports, eq(ports.task, task));
