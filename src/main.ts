/** The command line of the one executable: which mode, which configuration. */
import { ConfigError } from "./core/config/config.ts";
import { PluginLoadError } from "./core/loader.ts";
import { StoreError } from "./core/store/index.ts";
import { auditCommand } from "./program/audit-command.ts";
import { backupCommand, restoreCommand } from "./program/backup-commands.ts";
import { checkCommand } from "./program/check-command.ts";
import { controllerCommand, nodeCommand } from "./program/cluster-commands.ts";
import { type CommandSpec, commandHelp, overview, parseCommand, UsageError } from "./program/commands.ts";
import { JoinError } from "./program/join.ts";
import { DataLockedError } from "./program/lock.ts";
import { WrongCertificate } from "./program/pinned.ts";
import { setupCommand } from "./program/setup-command.ts";
import { standaloneCommand } from "./program/standalone-command.ts";
import { storeCopyCommand } from "./program/store-copy-command.ts";
import { tokenCreateCommand, tokenJoinCommand } from "./program/token-command.ts";
import { commit, version } from "./program/version.ts";

const commands: readonly CommandSpec[] = [
  standaloneCommand,
  controllerCommand,
  nodeCommand,
  setupCommand,
  checkCommand,
  auditCommand,
  tokenCreateCommand,
  tokenJoinCommand,
  backupCommand,
  restoreCommand,
  storeCopyCommand,
];

/** Errors whose message is meant for the person at the keyboard; others are defects and show their stack. */
const plainErrors = [
  JoinError,
  WrongCertificate,
  ConfigError,
  UsageError,
  PluginLoadError,
  DataLockedError,
  StoreError,
];

async function main(args: readonly string[]): Promise<number> {
  const { command, options } = parseCommand(commands, args);
  if (options.version === true) {
    console.log(`jimv ${version}${commit ? ` (${commit})` : ""}`);
    return 0;
  }
  if (!command) {
    console.log(overview(commands, version));
    return options.help === true ? 0 : 2;
  }
  if (options.help === true) {
    console.log(commandHelp(command));
    return 0;
  }
  return command.run(options);
}

try {
  process.exitCode = await main(process.argv.slice(2));
  // Workers that hang in a call of libvirt must not keep the process.
  process.exit();
} catch (error) {
  const plain = plainErrors.some((type) => error instanceof type);
  console.error(plain ? `jimv: ${(error as Error).message}` : error);
  process.exit(error instanceof UsageError ? 2 : 1);
}
