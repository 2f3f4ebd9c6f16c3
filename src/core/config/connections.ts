/** From the configuration to the addresses and secrets of MySQL and Redis. Errors name the key. */
import { readFileSync } from "node:fs";
import type { StoreConfig } from "../store/index.ts";
import { type Config, ConfigError, dataFiles } from "./config.ts";

const mysqlPort = 3306;
const mysqlName = "jimv";

/** How to reach Redis. */
export interface RedisConnection {
  /** `redis://host:port` or `rediss://host:port`, without user and password. */
  url: string;
  user: string | null;
  password: string | null;
  /** PEM of the authority that signed Redis' certificate, or null for the system's. */
  ca: string | null;
}

/** Where the store is: MySQL as soon as anything of it is given, else SQLite. @throws ConfigError */
export function storeConnection(config: Config): StoreConfig {
  const { store } = config;
  const given = store.url !== undefined || store.host !== undefined || store.socket !== undefined;
  const kind = store.kind ?? (given ? "mysql" : "sqlite");
  if (kind === "sqlite") {
    if (given)
      throw new ConfigError(
        'configuration key "store.kind": "sqlite" takes no address; leave the other keys of [store] out',
      );
    return { kind, path: dataFiles(config.data).store };
  }
  if (!given)
    throw new ConfigError(
      'configuration key "store.url": say where MySQL is, such as "mysql://jimv@10.0.0.1:3306/jimv"',
    );
  const url = store.url === undefined ? null : addressOf("store.url", store.url, ["mysql:", "mariadb:"]);
  if (url && url.password !== "") throw passwordInUrl("store");
  const path = url ? decodeURIComponent(url.pathname.slice(1)) : "";
  return {
    kind,
    host: store.host ?? hostOf(url) ?? "127.0.0.1",
    port: store.port ?? Number(url?.port || mysqlPort),
    user: store.user ?? (decodeURIComponent(url?.username ?? "") || mysqlName),
    password: secretOf("store", store) ?? "",
    database: store.database ?? (path || mysqlName),
    ...(store.socket === undefined ? {} : { socketPath: store.socket }),
  };
}

/** Where Redis is. @throws ConfigError */
export function redisConnection(config: Config): RedisConnection {
  const { redis } = config;
  if (redis.url === undefined)
    throw new ConfigError(
      'configuration key "redis.url": say where Redis is, such as "redis://10.0.0.1:6379"',
    );
  const url = addressOf("redis.url", redis.url, ["redis:", "rediss:"]);
  if (url.password !== "") throw passwordInUrl("redis");
  const user = redis.user ?? (decodeURIComponent(url.username) || null);
  return {
    url: `${url.protocol}//${url.host}`,
    user,
    password: secretOf("redis", redis),
    ca: redis.ca === undefined ? null : readKey("redis.ca", redis.ca),
  };
}

function addressOf(key: string, text: string, schemes: readonly string[]): URL {
  const url = URL.parse(text);
  if (!url || !schemes.includes(url.protocol) || url.hostname === "")
    throw new ConfigError(
      `configuration key "${key}": "${text}" is no address; it begins with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`,
    );
  return url;
}

/** An IPv6 address stands in brackets in a URL, and without them elsewhere. */
const hostOf = (url: URL | null): string | undefined => url?.hostname.replace(/^\[(.*)\]$/, "$1");

/** URLs end up in logs and lists of processes. */
const passwordInUrl = (section: string): ConfigError =>
  new ConfigError(
    `configuration key "${section}.url": leave the password out of the address; give it as "${section}.passwordFile"`,
  );

function secretOf(
  section: string,
  keys: { password?: string | undefined; passwordFile?: string | undefined },
): string | null {
  if (keys.password !== undefined && keys.passwordFile !== undefined)
    throw new ConfigError(
      `configuration keys "${section}.password" and "${section}.passwordFile": give one of them`,
    );
  if (keys.passwordFile === undefined) return keys.password ?? null;
  return readKey(`${section}.passwordFile`, keys.passwordFile).replace(/\r?\n$/, "");
}

function readKey(key: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`configuration key "${key}": the file can't be read (${reason})`);
  }
}
