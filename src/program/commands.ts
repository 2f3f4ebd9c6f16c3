/** The command line as data: one table makes parsing, help and completion of what `jimv` can be told. */
import { parseArgs } from "node:util";

export interface OptionSpec {
  type: "string" | "boolean";
  /** What stands for the value in the help. */
  value?: string;
  help: string;
}

export interface CommandSpec {
  /** Words after `jimv`, such as `token create`. */
  name: string;
  short: string;
  long: string;
  options: Readonly<Record<string, OptionSpec>>;
  /** Resolves with the exit code. */
  run(options: Record<string, string | boolean | undefined>): Promise<number>;
}

/** Options that every command takes. */
export const commonOptions = {
  config: { type: "string", value: "FILE", help: "configuration file (default /etc/jimv/jimv.toml)" },
  data: { type: "string", value: "DIR", help: "folder for JimV's own state (default /var/lib/jimv)" },
  listen: {
    type: "string",
    value: "ADDR:PORT",
    help: "address of the pages and the API (default 127.0.0.1:8008)",
  },
  help: { type: "boolean", help: "show this help" },
} as const satisfies Record<string, OptionSpec>;

/** The command line can't be understood; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Parsed {
  command: CommandSpec | null;
  options: Record<string, string | boolean | undefined>;
}

/** Finds the command and checks its options. @throws UsageError */
export function parseCommand(commands: readonly CommandSpec[], args: readonly string[]): Parsed {
  const words = args.filter((arg, i) => !arg.startsWith("-") && (i === 0 || isWord(args, i)));
  const two = commands.find((command) => command.name === words.slice(0, 2).join(" "));
  const command = two ?? commands.find((one) => one.name === words[0]) ?? null;
  if (!command) {
    if (words[0] !== undefined)
      throw new UsageError(`there is no command "${words.slice(0, 2).join(" ")}"; jimv --help lists them`);
    return {
      command: null,
      options: values(args, { ...commonOptions, version: { type: "boolean", help: "" } }),
    };
  }
  let left = command.name.split(" ").length;
  const rest = args.filter((arg, i) => {
    if (left > 0 && !arg.startsWith("-") && (i === 0 || isWord(args, i))) {
      left--;
      return false;
    }
    return true;
  });
  return { command, options: values(rest, { ...commonOptions, ...command.options }) };
}

/** Not the value of an option before it. Common options with a value may stand before the command. */
function isWord(args: readonly string[], i: number): boolean {
  const before = args[i - 1] ?? "";
  return !(before.startsWith("--") && !before.includes("=") && takesValue(before.slice(2)));
}

function takesValue(name: string): boolean {
  return name in commonOptions && commonOptions[name as keyof typeof commonOptions].type === "string";
}

function values(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
): Record<string, string | boolean | undefined> {
  const specs = Object.fromEntries(
    Object.entries(options).map(([name, spec]) => [name, { type: spec.type }]),
  );
  try {
    return parseArgs({ args: [...args], options: specs, strict: true, allowPositionals: false })
      .values as Record<string, string | boolean | undefined>;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The text of `jimv --help`. */
export function overview(commands: readonly CommandSpec[], version: string): string {
  const rows = commands.map((command) => `  ${command.name.padEnd(14)} ${command.short}`);
  return [
    `JimV ${version}: Linux machines with KVM as a cluster that you run from a browser`,
    "",
    "Usage: jimv COMMAND [OPTIONS]",
    "",
    "Commands:",
    ...rows,
    "",
    "Options of every command:",
    ...optionRows(commonOptions),
    "  --version                show the version",
    "",
    "jimv COMMAND --help says more. One machine needs nothing else: jimv standalone.",
  ].join("\n");
}

/** The text of `jimv COMMAND --help`. */
export function commandHelp(command: CommandSpec): string {
  return [
    `Usage: jimv ${command.name} [OPTIONS]`,
    "",
    command.long,
    "",
    "Options:",
    ...optionRows({ ...command.options, ...commonOptions }),
  ].join("\n");
}

function optionRows(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).map(([name, spec]) => {
    const left = spec.value ? `--${name} ${spec.value}` : `--${name}`;
    return `  ${left.padEnd(24)} ${spec.help}`;
  });
}
