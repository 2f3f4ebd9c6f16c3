/** `jimv token create`: an API token from the command line, also while the program runs. */
import { Access } from "../core/auth/access.ts";
import { realClock } from "../core/clock.ts";
import { roles } from "../core/http/contract.ts";
import { stderrLog } from "../core/log/log.ts";
import { coreMigrations } from "../core/migrations.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { openStorePatiently } from "./open-store.ts";
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
