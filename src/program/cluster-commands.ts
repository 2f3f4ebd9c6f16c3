/** `jimv controller` and `jimv node`: the modes of more than one machine. */
import { installPki } from "../core/checks/pki.ts";
import { realClock } from "../core/clock.ts";
import { type Config, ConfigError, dataFiles } from "../core/config/config.ts";
import { redisConnection, storeConnection } from "../core/config/connections.ts";
import { type Log, stderrLog } from "../core/log/log.ts";
import { trimWhenQuiet } from "../core/memory.ts";
import type { RoadStatus } from "../core/road/contract.ts";
import { openRedisNodeRoad } from "../core/road/redis-node.ts";
import { taskWords } from "../core/tasks/words.ts";
import { timing } from "../core/timing.ts";
import type { Undo } from "../core/undo.ts";
import { WordBook } from "../core/words.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { allPlugins, makeDataFolder } from "./controller-side.ts";
import { hashOfToken, joinCluster } from "./join.ts";
import { lockData } from "./lock.ts";
import { type Membership, readMembership } from "./membership.ts";
import { machineId, openOutbox, startNodeSide } from "./node-side.ts";
import { configOf, readSecret, textOption } from "./options.ts";
import { redisAddress, redisEnd } from "./redis-end.ts";
import { serve } from "./serving.ts";
import { untilStopped } from "./signals.ts";

export const controllerCommand: CommandSpec = {
  name: "controller",
  short: "serve the pages and the API, and lead the nodes (a cluster)",
  long: [
    "Serves the pages and the API and leads the nodes of a cluster. It needs MySQL or MariaDB (section [store]",
    "of jimv.toml) and Redis 5 or newer (section [redis]). Several controllers may run at once: all serve",
    "people, one leads; they share the master key, which is copied from the first one's data folder.",
  ].join("\n"),
  options: {},
  async run(options) {
    const config = configOf(options);
    if (storeConnection(config).kind !== "mysql")
      throw new ConfigError(
        'configuration key "store.url": a controller needs MySQL, such as "mysql://jimv@10.0.0.1:3306/jimv"; on one machine run jimv standalone',
      );
    const address = redisConnection(config);
    const world = { clock: realClock, log: stderrLog(config.logLevel) };
    makeDataFolder(config.data);
    const unlock = lockData(dataFiles(config.data).lock);
    try {
      return await serve(config, world, { open: (ground) => redisEnd(address, { ...world, ...ground }) });
    } finally {
      unlock();
    }
  },
};

export const nodeCommand: CommandSpec = {
  name: "node",
  short: "run guests for a controller (a cluster)",
  long: [
    "Runs guests on this machine for the controllers of a cluster. The first start joins the cluster with a",
    "one-time token from the page of nodes, or from jimv token join; later starts need neither address nor token.",
  ].join("\n"),
  options: {
    join: { type: "string", value: "URL", help: "address of a controller, such as https://10.0.0.1:8008" },
    "token-file": { type: "string", value: "FILE", help: "file with the token; - for standard input" },
  },
  async run(options) {
    const config = configOf(options);
    const log = stderrLog(config.logLevel);
    makeDataFolder(config.data);
    const unlock = lockData(dataFiles(config.data).lock);
    try {
      const how = {
        url: textOption(options, "join") ?? config.join.url,
        tokenFile: textOption(options, "token-file") ?? config.join.tokenFile,
      };
      const membership = await membershipOf(config, how, log);
      return await runNode(config, membership, log);
    } finally {
      unlock();
    }
  },
};

/** The membership that is there, or a new one where a token that was not used yet is given. */
async function membershipOf(
  config: Config,
  how: { url: string | undefined; tokenFile: string | undefined },
  log: Log,
): Promise<Membership> {
  const known = readMembership(dataFiles(config.data).membership);
  const { url, tokenFile } = how;
  const token = await tokenOf(tokenFile, known !== null);
  if (token !== null && hashOfToken(token) !== known?.tokenHash) {
    if (url === undefined) throw new UsageError("say which controller to join: --join https://ADDRESS:PORT");
    const joined = await joinCluster(
      config,
      { url, token, machineId: ownMachineId() },
      { clock: realClock, log },
    );
    console.log(`Joined cluster ${joined.clusterId} as node ${joined.node}`);
    return joined;
  }
  if (!known)
    throw new UsageError(
      "this machine has not joined a cluster: make a token on the page of nodes, then run: jimv node --join https://CONTROLLER:PORT --token-file FILE",
    );
  if (known.node !== config.node)
    throw new ConfigError(
      `this machine joined as node "${known.node}", but is called "${config.node}" now: name it as before (hostname, or key "nodeName"), or join again under the new name with a new token, and take the old node over on the new one's page`,
    );
  return known;
}

/** A token file that was thrown away after joining is no trouble. */
async function tokenOf(path: string | undefined, mayMiss: boolean): Promise<string | null> {
  if (path === undefined) return null;
  try {
    return (await readSecret(path)).trim() || null;
  } catch (error) {
    if (mayMiss) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`configuration key "join.tokenFile" (--token-file): can't be read (${reason})`);
  }
}

function ownMachineId(): string {
  const id = machineId();
  if (id === "")
    throw new ConfigError("/etc/machine-id is missing or empty: make it with systemd-machine-id-setup");
  return id;
}

async function runNode(config: Config, membership: Membership, log: Log): Promise<number> {
  const clock = realClock;
  const { clusterId, node } = membership;
  putCertificates(config, log);
  const plugins = await allPlugins(config);
  const words = new WordBook();
  words.add(taskWords);
  const outbox = openOutbox(config, { clock, log });
  const address = redisAddress(membership.road);
  const road = openRedisNodeRoad({ address, clusterId, node, clock, log, notes: outbox });
  const side = await startNodeSide(config, { clock, log, road, outbox, clusterId }, plugins, (refusal) => {
    if (refusal) log.error(words.say("en", refusal.word, refusal.args));
    else log.info("the controller takes this node again");
  });
  const watch = tellWhenAway(() => road.status(), log);
  console.log(`JimV node ${node} works for cluster ${clusterId}`);
  trimWhenQuiet(clock);
  return untilStopped(clock, log, async () => {
    watch();
    await side.stop();
    await road.close();
  });
}

/** Says why the road is away, once for each reason: a node that was removed must not be silent about it. */
function tellWhenAway(status: () => RoadStatus, log: Log): Undo {
  let told: string | null = null;
  return realClock.every(timing.heartbeatMilliseconds, () => {
    const { connected, reason } = status();
    if (connected || reason === told) {
      if (connected) told = null;
      return;
    }
    told = reason;
    const isRefused = /WRONGPASS|NOAUTH|NOPERM/.test(reason ?? "");
    log.warn(
      isRefused
        ? "Redis refuses this node's secret: the node was removed from the cluster, or joined anew elsewhere. Join again with a new token"
        : "Redis can't be reached: guests go on running, reports wait",
      { reason },
    );
  });
}

/** Without them guests can't be migrated, which is no reason not to run those that are here. */
function putCertificates(config: Config, log: Log): void {
  const { pki } = dataFiles(config.data);
  try {
    const state = installPki(pki, config.libvirt.pki);
    if (state && state.foreign.length > 0)
      log.warn("certificates of somebody else are where libvirt looks: guests can't be migrated over TLS", {
        files: state.foreign,
        ours: pki,
      });
  } catch (error) {
    log.warn(
      "the cluster's certificate can't be put where libvirt looks: guests can't be migrated over TLS",
      {
        ours: pki,
        error: error instanceof Error ? error.message : String(error),
      },
    );
  }
}
