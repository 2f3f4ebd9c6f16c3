/**
 * A guest's files while it is off, through a small machine of libguestfs's that has the guest's disks: what the
 * carrying out asks for. `guestfish.ts` is the real one; scenarios pretend one.
 */

export interface Appliance {
  /**
   * Boots the small machine with these disks, finds the guest's system and mounts its file systems.
   * @throws ApplianceError when that can't be, with a sentence for a person
   */
  open(guest: {
    uuid: string;
    disks: readonly { path: string; format: string }[];
    signal: AbortSignal;
  }): Promise<ApplianceSession>;
  /** Ends what an earlier process of ours may have left at work on a guest's disks. Nothing there is fine. */
  end(uuid: string): Promise<void>;
}

/** Any call that fails throws an ApplianceError and ends the session: what follows needs a new one. */
export interface ApplianceSession {
  readonly system: "linux" | "windows" | "other";
  exists(path: string): Promise<boolean>;
  /** A small text file. Null when it is none: a guest may have put anything there, and is not trusted. */
  read(path: string): Promise<string | null>;
  size(path: string): Promise<number>;
  list(folder: string): Promise<string[]>;
  /** Writes the whole file in place: an existing one keeps its owner, its label and, without `mode`, its permissions. */
  write(path: string, text: string, mode: string | null): Promise<void>;
  /** Writes from a byte on. */
  writeAt(path: string, text: string, offset: number): Promise<void>;
  truncate(path: string, bytes: number): Promise<void>;
  /** Makes a folder and those above it. */
  makeFolder(path: string, mode: string | null): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Runs a shell command in the guest's own root. It and its values lie in the small machine's memory alone. */
  command(asked: GuestCommand): Promise<CommandEnd>;
  /** Labels what is in these folders for the guest's SELinux, or has its next boot do it; nothing where it has none. */
  relabel(folders: readonly string[]): Promise<void>;
  /** Everything so far is on the guest's disks when this returns. */
  sync(): Promise<void>;
  /** Unmounts, and ends the small machine. The disks are free when this returns. */
  close(): Promise<void>;
}

export interface GuestCommand {
  /** For `/bin/sh`. */
  text: string;
  /** By the shell's names. */
  values: Readonly<Record<string, string>>;
}

export interface CommandEnd {
  /** NaN where it left none. */
  code: number;
  /** The end of what it said. */
  output: string;
}

/** What is longer is not taken from a guest. */
export const longestReadBytes = 64 * 1024;

export class ApplianceError extends Error {
  override readonly name = "ApplianceError";
  constructor(
    /** A word key of this plugin. */
    readonly word: string,
    /** What libguestfs said. */
    readonly detail: string,
  ) {
    super(`${word}: ${detail}`);
  }
}
