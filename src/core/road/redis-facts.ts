/** What the Redis server is and how it is set up, and what of it a person should know. */
import { accessOf, type RedisAccess, versionNumber } from "./redis-keys.ts";
import type { RedisConnection } from "./redis-link.ts";

/** Streams came with Redis 5. */
const oldestVersion = 50_000;

export interface RedisFacts {
  version: string;
  access: RedisAccess;
  warnings: readonly RedisWarning[];
}

/**
 * - `noAccess`: Redis 5 can't keep nodes apart: a stolen node can command others
 * - `keysOnly`: Redis 6 keeps nodes apart, but a node could forge its own commands and remove its own reports
 * - `open`: whoever reaches Redis needs no password
 * - `notKept`: neither AOF nor RDB: after a restart of Redis everything open is sent again, nothing is lost
 * - `evicts`: when its memory is full Redis drops streams instead of refusing
 */
export type RedisWarning = "noAccess" | "keysOnly" | "open" | "notKept" | "evicts";

/** @throws Error when this Redis can't be the road */
export async function readFacts(connection: RedisConnection): Promise<RedisFacts> {
  const info = parse(String(await connection.call(["INFO"])));
  const version = info.get("redis_version") ?? "0";
  if (versionNumber(version) < oldestVersion)
    throw new Error(`Redis ${version} is too old: JimV needs 5 or newer, better 7`);
  const access = accessOf(version);
  const warnings: RedisWarning[] = [];
  if (access === "none") warnings.push("noAccess");
  if (access === "keys") warnings.push("keysOnly");
  if (await isOpen(connection, access)) warnings.push("open");
  const saves = info.get("aof_enabled") === "1" || (await hasSavePoints(connection));
  if (!saves) warnings.push("notKept");
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (Number(info.get("maxmemory") ?? "0") > 0 && policy !== "noeviction") warnings.push("evicts");
  return { version, access, warnings };
}

/** Whether somebody without a password is let in as `default`. */
async function isOpen(connection: RedisConnection, access: RedisAccess): Promise<boolean> {
  if (access === "none") return (await setting(connection, "requirepass")) === "";
  const user = await connection.call(["ACL", "GETUSER", "default"]).catch(() => null);
  if (!Array.isArray(user)) return false;
  const flags: unknown = user[user.indexOf("flags") + 1];
  return Array.isArray(flags) && flags.includes("nopass") && flags.includes("on");
}

async function hasSavePoints(connection: RedisConnection): Promise<boolean> {
  return (await setting(connection, "save")) !== "";
}

/** Null where CONFIG is not allowed, as with Redis as a service. */
async function setting(connection: RedisConnection, name: string): Promise<string | null> {
  const answer = await connection.call(["CONFIG", "GET", name]).catch(() => null);
  return Array.isArray(answer) && typeof answer[1] === "string" ? answer[1] : null;
}

function parse(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return facts;
}
