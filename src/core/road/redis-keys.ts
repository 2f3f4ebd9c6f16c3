/** What JimV's things are called in Redis, and who may do what to them. */

/** The names of one cluster. Node names hold only letters, digits, dots, underscores and hyphens. */
export interface RedisKeys {
  /** Changes when Redis has lost its data: whoever reads it starts over. */
  generation: string;
  /** The channel by which controllers wake each other. */
  wake: string;
  commands(node: string): string;
  reports(node: string): string;
  user(node: string): string;
  /** Begins the names of all of the cluster's users. */
  userPrefix: string;
}

export function redisKeys(clusterId: string): RedisKeys {
  const prefix = `jimv:${clusterId}`;
  const userPrefix = `jimv-${clusterId}-`;
  return {
    generation: `${prefix}:generation`,
    wake: `${prefix}:wake`,
    commands: (node) => `${prefix}:commands:${nodeName(node)}`,
    reports: (node) => `${prefix}:reports:${nodeName(node)}`,
    user: (node) => `${userPrefix}${nodeName(node)}`,
    userPrefix,
  };
}

/** Others could stand for many keys in an access rule. @throws Error */
function nodeName(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw new Error(`"${name}" can't be a node's name on the road`);
  return name;
}

/**
 * How far Redis can keep nodes apart: `streams`: each reads its commands and adds to its reports (7 and newer);
 * `keys`: each reaches only its own two streams (6); `none`: whoever has the password can do everything (5).
 */
export type RedisAccess = "streams" | "keys" | "none";

/** `redis_version` as numbers that compare: 6.2.14 is 60214. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  return major * 10_000 + minor * 100 + patch;
}

export function accessOf(version: string): RedisAccess {
  const number = versionNumber(version);
  return number >= 70_000 ? "streams" : number >= 60_000 ? "keys" : "none";
}

/** The rules of a node's user: `ACL SETUSER name …`. Only the password's SHA-256 goes to Redis. */
export function nodeRules(
  keys: RedisKeys,
  node: string,
  passwordHash: string,
  access: Exclude<RedisAccess, "none">,
): string[] {
  const { generation } = keys;
  const streams =
    access === "streams"
      ? [`%R~${generation}`, `%R~${keys.commands(node)}`, `%W~${keys.reports(node)}`]
      : [`~${generation}`, `~${keys.commands(node)}`, `~${keys.reports(node)}`];
  return [
    "ACL",
    "SETUSER",
    keys.user(node),
    "reset",
    "on",
    `#${passwordHash}`,
    ...streams,
    "-@all",
    "+ping",
    "+get",
    "+xread",
    "+xadd",
    "+xinfo|stream",
  ];
}
