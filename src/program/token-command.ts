/** `jimv token create` and `jimv token join`: an API token from the command line, also while the program runs. */
import { Access } from "../core/auth/access.ts";
import { realClock } from "../core/clock.ts";
import { ConfigError, isLoopback } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { roles } from "../core/http/contract.ts";
import { listenOptions } from "../core/http/tls.ts";
import { stderrLog } from "../core/log/log.ts";
import { coreMigrations } from "../core/migrations.ts";
import { makeJoinToken } from "../plugins/program.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { allPlugins } from "./controller-side.ts";
import { migrationsOf, openStorePatiently } from "./open-store.ts";
import { configOf, textOption } from "./options.ts";

const dayMilliseconds = 24 * 3_600_000;

export const tokenCreateCommand: CommandSpec = {
  name: "token create",
  short: "make an API token and print it",
  long: [
    "Makes an API token and prints it, once: JimV keeps only its hash. Send it as the header",
    '"Authorization: Bearer TOKEN". It can be taken back on the page of tokens.',
  ].join("\n"),
  options: {
    name: { type: "string", value: "NAME", help: "what the token is for; must be new" },
    role: { type: "string", value: "ROLE", help: `${roles.join(", ")} (default administrator)` },
    days: { type: "string", value: "N", help: "how long it is good for (default: until it is taken back)" },
  },
  async run(options) {
    const name = textOption(options, "name");
    const wanted = textOption(options, "role") ?? "administrator";
    const role = roles.find((one) => one === wanted);
    const days = textOption(options, "days");
    if (!name) throw new UsageError("token create needs --name NAME");
    if (!role) throw new UsageError(`there is no role "${wanted}"; use one of ${roles.join(", ")}`);
    if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days))
      throw new UsageError("--days takes a whole number of days");
    const config = configOf(options);
    const log = stderrLog(config.logLevel);
    const store = await openStorePatiently(config, coreMigrations, { clock: realClock, log });
    try {
      const access = new Access(store, realClock);
      const { secret } = await access.createToken({
        name,
        role,
        createdBy: "system:command line",
        expiresAt: days === undefined ? null : realClock.now() + Number(days) * dayMilliseconds,
      });
      console.log(secret);
      return 0;
    } finally {
      await store.close();
    }
  },
};

export const tokenJoinCommand: CommandSpec = {
  name: "token join",
  short: "make a one-time token with which a machine joins the cluster",
  long: [
    "Makes a token for jimv node --join and prints it, once. It is good for one machine, for a day. Run it on",
    "a controller, with its configuration and its --listen: the token carries the fingerprint of its certificate.",
  ].join("\n"),
  options: {},
  async run(options) {
    const config = configOf(options);
    const log = stderrLog(config.logLevel);
    if (storeConnection(config).kind !== "mysql")
      throw new ConfigError(
        'configuration key "store.url": only a cluster is joined, and it keeps its store in MySQL; say where, as for jimv controller',
      );
    const plugins = await allPlugins(config);
    const store = await openStorePatiently(config, migrationsOf(plugins), { clock: realClock, log });
    try {
      const tls = isLoopback(config.listenAddress) ? null : await listenOptions(config);
      const actor = { kind: "system", name: "command line" } as const;
      const { token } = await makeJoinToken({ store, clock: realClock }, tls?.fingerprint ?? null, actor);
      console.log(token);
      return 0;
    } finally {
      await store.close();
    }
  },
};
