/** Telling processes apart, and running commands: what tests need that start programs of their own. */
import { existsSync, readFileSync } from "node:fs";

/** Field 22 of /proc/PID/stat: tells a process from a later one with the same number. Empty when there is none. */
export function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** What a file that names a process says: its number and when it started. */
export function processMark(pid: number): string {
  return `${pid} ${startTimeOf(pid)}`;
}

/** The process that a file of `processMark` names, if it still runs; else null. */
export function markedProcess(file: string): number | null {
  if (!existsSync(file)) return null;
  const [pid, startTime] = readFileSync(file, "utf8").split(" ");
  return pid && startTime && startTimeOf(Number(pid)) === startTime ? Number(pid) : null;
}

/** What a command prints. @throws Error with the command and what it complains of */
export async function run(
  command: readonly string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...environment },
  });
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`${command.join(" ")}: ${errors.trim()}`);
  return output;
}
