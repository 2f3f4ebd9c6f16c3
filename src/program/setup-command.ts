/** `jimv setup`: the wizard's work from the command line, before the first start. */
import { Access } from "../core/auth/access.ts";
import { realClock } from "../core/clock.ts";
import { type Config, dataFiles } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { AppError } from "../core/errors.ts";
import { stderrLog } from "../core/log/log.ts";
import { LocalRoad } from "../core/road/local.ts";
import { randomPassword } from "../core/vault.ts";
import { languages } from "../core/words.ts";
import { setupService } from "../plugins/program.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { localEnd, makeControllerSide, makeDataFolder } from "./controller-side.ts";
import { lockData } from "./lock.ts";
import { configOf, type Options, readSecret, textOption } from "./options.ts";

/** Characters of a generated administrator's password. */
const passwordLength = 16;

export const setupCommand: CommandSpec = {
  name: "setup",
  short: "do the first set-up from the command line",
  long: [
    "Makes the first administrator and keeps the choices of the set-up page; the node sets itself up at the",
    "next start. Run it before jimv standalone, with the same --data. Passwords are read from files, so that",
    "they stand in no list of processes; without one a password is made and printed.",
  ].join("\n"),
  options: {
    "admin-name": { type: "string", value: "NAME", help: "the first administrator (default admin)" },
    "admin-password-file": {
      type: "string",
      value: "FILE",
      help: "file with the password; - for standard input",
    },
    language: { type: "string", value: "LANG", help: `${languages.join(" or ")} (default en)` },
    storage: { type: "string", value: "DIR", help: "folder for the guests' disks (default DATA/disks)" },
    bridge: {
      type: "string",
      value: "NAME",
      help: "bridge for the guests (default: JimV's own NAT network)",
    },
    "vnc-ports": {
      type: "string",
      value: "FIRST-LAST",
      help: "ports for the guests' screens (default 15900-19899)",
    },
    "reset-administrator": { type: "string", value: "NAME", help: "only give this person a new password" },
    json: { type: "boolean", help: "print the result as JSON" },
  },
  async run(options) {
    const config = configOf(options);
    makeDataFolder(config.data);
    const unlock = lockData(dataFiles(config.data).lock);
    try {
      return await setUp(config, options);
    } finally {
      unlock();
    }
  },
};

async function setUp(config: Config, options: Options): Promise<number> {
  const wanted = textOption(options, "language") ?? "en";
  const language = languages.find((one) => one === wanted);
  if (!language) throw new UsageError(`--language takes ${languages.join(" or ")}`);
  const ports = /^(\d{1,5})-(\d{1,5})$/.exec(textOption(options, "vnc-ports") ?? "15900-19899");
  if (!ports) throw new UsageError("--vnc-ports takes FIRST-LAST, such as 15900-19899");
  const passwordFile = textOption(options, "admin-password-file");
  const given = passwordFile === undefined ? null : await readSecret(passwordFile);
  const password = given ?? randomPassword(passwordLength);
  const log = stderrLog("warn");
  const side = await makeControllerSide(config, {
    clock: realClock,
    log,
    // Nothing is sent: tasks stay in the store for the next start.
    open: async () => localEnd(new LocalRoad(realClock)),
    hasNode: storeConnection(config).kind === "sqlite",
    fingerprint: null,
    leadership: async () => ({ epoch: () => null, onChange: () => () => {} }),
    printCode: () => {},
  });
  try {
    await side.controller.start(side.plugins);
    const reset = textOption(options, "reset-administrator");
    if (reset !== undefined) {
      await new Access(side.store, realClock).setPassword(reset, password);
      print(options, { name: reset, ...(given === null ? { password } : {}) });
      return 0;
    }
    const name = textOption(options, "admin-name") ?? "admin";
    await side.controller.use(setupService).finish(
      {
        name,
        password,
        language,
        storagePath: textOption(options, "storage") ?? `${config.data}/disks`,
        bridge: textOption(options, "bridge") ?? null,
        vncPortFirst: Number(ports[1]),
        vncPortLast: Number(ports[2]),
      },
      { kind: "system", name: "command line" },
    );
    print(options, { name, ...(given === null ? { password } : {}) });
    return 0;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const book = side.words;
    const texts = error.fields.map((field) => `${field.path}: ${book.say("en", field.word, field.args)}`);
    console.error(`jimv: ${texts.length > 0 ? texts.join("; ") : book.say("en", error.word, error.args)}`);
    return 1;
  } finally {
    await side.controller.stop();
    await side.store.close();
  }
}

function print(options: Options, result: { name: string; password?: string }): void {
  if (options.json === true) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(`Administrator: ${result.name}`);
  if (result.password !== undefined) console.log(`Password:      ${result.password}`);
}
