/**
 * `jimv.toml`, environment and command line, checked at start. The order: command line over environment over
 * file over default. Errors name the key.
 */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { logLevels } from "../log/log.ts";

const Section = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { additionalProperties: false, default: {} });

export const configSchema = Section({
  /** Where JimV keeps its own state: store, keys, outbox. */
  data: Type.String({ default: "/var/lib/jimv" }),
  /** Address and port of the web pages and the API. Beyond loopback it speaks TLS. */
  listen: Type.String({ default: "127.0.0.1:8008" }),
  /** This node's name; the hostname by default. */
  nodeName: Type.Optional(Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9._-]+$" })),
  logLevel: Type.Union(
    logLevels.map((level) => Type.Literal(level)),
    { default: "info" },
  ),
  /** Folder of plugins that are not in the executable. */
  plugins: Type.String({ default: "/etc/jimv/plugins" }),
  tls: Section({
    /** PEM files; without them JimV makes its own certificate. */
    certificate: Type.Optional(Type.String()),
    key: Type.Optional(Type.String()),
  }),
  libvirt: Section({
    uri: Type.String({ default: "qemu:///system" }),
    /** Where libvirt and QEMU look for certificates; a joined node puts its own there. "none": nowhere. */
    pki: Type.String({ default: "/etc/pki" }),
  }),
  /** Where a controller keeps its truth. Without any of these keys: SQLite in the data folder. */
  store: Section({
    kind: Type.Optional(Type.Union([Type.Literal("sqlite"), Type.Literal("mysql")])),
    /** `mysql://user@host:3306/database`; the keys below go over its parts. */
    url: Type.Optional(Type.String()),
    host: Type.Optional(Type.String({ minLength: 1 })),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    /** A socket's path, instead of host and port. */
    socket: Type.Optional(Type.String()),
    user: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    passwordFile: Type.Optional(Type.String()),
    database: Type.Optional(Type.String()),
  }),
  /** The road of a cluster. Nodes get theirs when they join. */
  redis: Section({
    /** `redis://host:6379`, or `rediss://…` for TLS. It must be the address that nodes reach, too. */
    url: Type.Optional(Type.String()),
    user: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    passwordFile: Type.Optional(Type.String()),
    /** PEM file of the authority that signed Redis' certificate, where the system doesn't know it. */
    ca: Type.Optional(Type.String()),
  }),
  /** How a node finds its cluster the first time; later starts need neither. */
  join: Section({
    url: Type.Optional(Type.String()),
    tokenFile: Type.Optional(Type.String()),
  }),
  /** Where other machines reach this node: an address, or the interface whose first address it is. */
  management: Section({
    address: Type.Optional(Type.String({ maxLength: 45 })),
    interface: Type.Optional(Type.String({ maxLength: 15 })),
  }),
});
export type Config = Static<typeof configSchema> & {
  listenAddress: string;
  listenPort: number;
  node: string;
};

/** Environment variables and the keys that they set. */
export const environmentKeys = {
  JIMV_DATA: "data",
  JIMV_LISTEN: "listen",
  JIMV_NODE_NAME: "nodeName",
  JIMV_LOG_LEVEL: "logLevel",
  JIMV_PLUGINS: "plugins",
  JIMV_LIBVIRT_URI: "libvirt.uri",
  JIMV_LIBVIRT_PKI: "libvirt.pki",
  JIMV_TLS_CERTIFICATE: "tls.certificate",
  JIMV_TLS_KEY: "tls.key",
  JIMV_STORE_KIND: "store.kind",
  JIMV_STORE_URL: "store.url",
  JIMV_STORE_PASSWORD: "store.password",
  JIMV_STORE_PASSWORD_FILE: "store.passwordFile",
  JIMV_REDIS_URL: "redis.url",
  JIMV_REDIS_PASSWORD: "redis.password",
  JIMV_REDIS_PASSWORD_FILE: "redis.passwordFile",
  JIMV_REDIS_CA: "redis.ca",
  JIMV_JOIN_URL: "join.url",
  JIMV_JOIN_TOKEN_FILE: "join.tokenFile",
  JIMV_MANAGEMENT_ADDRESS: "management.address",
  JIMV_MANAGEMENT_INTERFACE: "management.interface",
} as const;

/** Something in the configuration is not right; the message says which key, and where it was given. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const defaultFile = "/etc/jimv/jimv.toml";

/**
 * Reads and checks the configuration. A `file` that was named must exist; the default one may be missing.
 * @throws ConfigError
 */
export function loadConfig(
  given: { file?: string; data?: string; listen?: string },
  environment: Record<string, string | undefined>,
): Config {
  const path = given.file ?? defaultFile;
  const values: Record<string, unknown> = readToml(path, given.file !== undefined);
  for (const [variable, key] of Object.entries(environmentKeys)) {
    const value = environment[variable];
    if (value !== undefined && value !== "") setKey(values, key, value);
  }
  if (given.data !== undefined) values.data = given.data;
  if (given.listen !== undefined) values.listen = given.listen;
  const filled = Value.Default(configSchema, values);
  const error = Value.Errors(configSchema, filled).First();
  if (error) {
    const key = error.path.slice(1).replaceAll("/", ".") || "(top)";
    throw new ConfigError(
      `configuration key "${key}" (${path} or its environment variable): ${error.message}`,
    );
  }
  const config = filled as Static<typeof configSchema>;
  const { address, port } = parseListen(config.listen);
  if ((config.tls.certificate === undefined) !== (config.tls.key === undefined))
    throw new ConfigError(
      'configuration keys "tls.certificate" and "tls.key" belong together: give both or neither',
    );
  return {
    ...config,
    data: resolve(config.data),
    listenAddress: address,
    listenPort: port,
    node: config.nodeName ?? hostname(),
  };
}

function readToml(path: string, required: boolean): Record<string, unknown> {
  if (!existsSync(path)) {
    if (required) throw new ConfigError(`there is no configuration file ${path}`);
    return {};
  }
  try {
    return Bun.TOML.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new ConfigError(`${path} is not TOML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function setKey(values: Record<string, unknown>, key: string, value: string): void {
  const [first = "", second] = key.split(".");
  if (second === undefined) values[first] = value;
  else values[first] = { ...(values[first] as object | undefined), [second]: value };
}

/** `127.0.0.1:8008`, `[::1]:8008`, `:8008` (all addresses). @throws ConfigError */
export function parseListen(text: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535)
    throw new ConfigError(
      `configuration key "listen": "${text}" is not ADDRESS:PORT, such as 127.0.0.1:8008`,
    );
  return { address: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/** True for addresses that only this machine can reach. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127\./.test(address);
}

/** The files below the data folder. */
export function dataFiles(data: string) {
  return {
    store: join(data, "jimv.sqlite"),
    masterKey: join(data, "master.key"),
    outbox: join(data, "node.sqlite"),
    nodeKey: join(data, "node.key"),
    tls: join(data, "tls"),
    lock: join(data, "jimv.lock"),
    /** A node's membership: which cluster, its road and its secret. */
    membership: join(data, "membership.json"),
    /** A node's certificate of the cluster's authority, with its key. */
    pki: join(data, "pki"),
  };
}
