/** From the command line's options to the checked configuration. */
import { type Config, loadConfig } from "../core/config/config.ts";

export type Options = Record<string, string | boolean | undefined>;

/** A string option, or undefined. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** @throws ConfigError */
export function configOf(options: Options): Config {
  const file = textOption(options, "config");
  const data = textOption(options, "data");
  const listen = textOption(options, "listen");
  return loadConfig(
    {
      ...(file === undefined ? {} : { file }),
      ...(data === undefined ? {} : { data }),
      ...(listen === undefined ? {} : { listen }),
    },
    process.env,
  );
}

/** Reads a secret from a file, or from standard input for `-`, so that it stands in no process list. */
export async function readSecret(path: string): Promise<string> {
  const text = path === "-" ? await Bun.stdin.text() : await Bun.file(path).text();
  return text.replace(/\r?\n$/, "");
}
