/** What may be said when asking for a migration: the schema that form and API share. */
import { migrationPorts, type Static, Type } from "jimv";

export const MigrateGuest = Type.Object({
  nodeName: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: "Where to; the node with the most room when left out",
    }),
  ),
  autoConverge: Type.Boolean({
    default: true,
    description: "Slow the guest down step by step when it writes faster than can be sent",
  }),
  postcopy: Type.Boolean({
    default: false,
    description:
      "When it does not converge, move the guest first and the rest of its memory afterwards: until that has ended, losing either node loses the guest's memory",
  }),
  bandwidthMiBs: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000, description: "At most so much; unlimited when left out" }),
  ),
  connections: Type.Integer({
    minimum: 1,
    maximum: 16,
    default: 1,
    description: "TCP connections for the memory; more than one needs libvirt 5.2 on both nodes",
  }),
});
export type MigrateGuest = Static<typeof MigrateGuest>;

export const MigrationSettings = Type.Object({
  transport: Type.Unsafe<"tls" | "tcp">(
    Type.Union([Type.Literal("tls"), Type.Literal("tcp")], {
      default: "tls",
      description: "How nodes' libvirtds reach each other; tcp is neither secret nor guarded",
    }),
  ),
  portFirst: Type.Integer({
    minimum: 1024,
    maximum: 65_535,
    default: migrationPorts.first,
    description: "First port on which nodes listen for guests' memory and disks; one or two a migration",
  }),
  portLast: Type.Integer({ minimum: 1024, maximum: 65_535, default: migrationPorts.last }),
  drainAtOnce: Type.Integer({
    minimum: 1,
    maximum: 16,
    default: 2,
    description: "How many guests leave a node at once when it is emptied for maintenance",
  }),
});
export type MigrationSettings = Static<typeof MigrationSettings>;
