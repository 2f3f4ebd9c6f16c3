/** Programs that a bench runs, and the folder that it works in. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const parent = "/var/tmp";
const prefix = "jimv-bench-";

/** Tells the person who waits what is being done. */
export function say(text: string): void {
  process.stderr.write(`== ${text}\n`);
}

/** Runs a program to its end; what it printed. @throws Error with what it complained of */
export async function run(
  command: string[],
  options: { stdin?: string; quiet?: boolean } = {},
): Promise<string> {
  const child = Bun.spawn(command, {
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: options.quiet ? "ignore" : "pipe",
    stderr: "pipe",
  });
  const [output, errors, status] = await Promise.all([
    child.stdout ? new Response(child.stdout).text() : "",
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0)
    throw new Error(`${command.slice(0, 2).join(" ")}: ${errors.trim() || `status ${status}`}`);
  return output;
}

/** Asks again until there is an answer other than undefined. @throws Error after `milliseconds` */
export async function until<T>(
  what: string,
  milliseconds: number,
  ask: () => T | undefined | Promise<T | undefined>,
  everyMilliseconds = 20,
): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`waited ${milliseconds / 1000} s in vain for ${what}`);
    await Bun.sleep(everyMilliseconds);
  }
}

/** Makes the bench's own folder, which goes when the process ends, and removes those of killed benches. */
export function workFolder(): string {
  for (const name of readdirSync(parent)) {
    const pid = name.match(/^jimv-bench-(\d+)-/)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) sweep(join(parent, name));
  }
  const folder = mkdtempSync(join(parent, `${prefix}${process.pid}-`));
  process.once("exit", () => sweep(folder));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  return folder;
}

/** Ends what runs with this folder on its command line, and removes it. */
function sweep(folder: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid || !commandLine(pid).some((word) => word.startsWith(`${folder}/`)))
      continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
