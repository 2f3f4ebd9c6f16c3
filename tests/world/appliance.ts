/**
 * A pretended appliance: the files of guests in memory. What was not synced when the process dies is lost, as with a
 * machine whose power fails. Each call is a point at which the process may die.
 */
import {
  type Appliance,
  ApplianceError,
  type ApplianceSession,
} from "../../src/plugins/boot-jobs/appliance.ts";
import type { PretendedProcess } from "./process.ts";

type Files = Map<string, string>;

/** A guest's disk: what is on it, and which commands have been run, whoever has died since. */
export class GuestFiles {
  durable: Files = new Map();
  readonly commands: string[] = [];
  system: ApplianceSession["system"] | null = "linux";
  /** Exit codes by command. */
  readonly codes = new Map<string, number>();
  /** Paths that can't be written. */
  readonly broken = new Set<string>();
  launches = 0;
  /** Folders that were labelled anew. */
  readonly labelled: string[] = [];
}

export function pretendedAppliance(
  process: PretendedProcess,
  guest: (uuid: string) => GuestFiles,
): Appliance {
  return {
    open: ({ uuid }) =>
      process.call("appliance open", () => {
        const disk = guest(uuid);
        disk.launches++;
        if (disk.system === null) throw new ApplianceError("boot-jobs.noSystem", "");
        return sessionOn(process, disk);
      }),
    end: () => process.call("appliance end", () => {}),
  };
}

function sessionOn(process: PretendedProcess, disk: GuestFiles): ApplianceSession {
  const live: Files = new Map(disk.durable);
  const sync = (): void => {
    disk.durable = new Map(live);
  };
  /** A call that fails ends the session, with what was done until then on the disk. */
  const call = <T>(what: string, fn: () => T): Promise<T> =>
    process.call(`appliance ${what}`, () => {
      try {
        return fn();
      } catch (error) {
        sync();
        throw error;
      }
    });
  const need = (path: string): string => {
    const text = live.get(path);
    if (text === undefined) throw new ApplianceError("boot-jobs.guestfsFailed", `${path}: No such file`);
    return text;
  };
  const put = (path: string, text: string): void => {
    if (disk.broken.has(path))
      throw new ApplianceError("boot-jobs.guestfsFailed", `${path}: Read-only file system`);
    live.set(path, text);
  };
  return {
    system: disk.system ?? "other",
    exists: (path) =>
      call("exists", () => live.has(path) || [...live.keys()].some((each) => each.startsWith(`${path}/`))),
    read: (path) => call("read", () => need(path)),
    size: (path) => call("size", () => need(path).length),
    list: (folder) =>
      call("list", () => [
        ...new Set(
          [...live.keys()]
            .filter((path) => path.startsWith(`${folder}/`))
            .map((path) => path.slice(folder.length + 1).split("/")[0] ?? ""),
        ),
      ]),
    write: (path, text) => call("write", () => put(path, text)),
    writeAt: (path, text, offset) =>
      call("writeAt", () => put(path, (live.get(path) ?? "").slice(0, offset) + text)),
    truncate: (path, bytes) => call("truncate", () => put(path, need(path).slice(0, bytes))),
    makeFolder: () => call("makeFolder", () => {}),
    rename: (from, to) =>
      call("rename", () => {
        put(to, need(from));
        live.delete(from);
      }),
    remove: (path) =>
      call("remove", () => {
        for (const each of [...live.keys()])
          if (each === path || each.startsWith(`${path}/`)) live.delete(each);
      }),
    command: ({ text }) =>
      call("command", () => {
        disk.commands.push(text);
        return { code: disk.codes.get(text) ?? 0, output: `ran ${text}` };
      }),
    relabel: (folders) => call("relabel", () => void disk.labelled.push(...folders)),
    sync: () => call("sync", sync),
    close: () => call("close", sync),
  };
}
