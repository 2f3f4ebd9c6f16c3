/** What the set-up is given by the program, and what it gives to it. */
import {
  type AccessService,
  type Actor,
  type Language,
  type RoadStatus,
  type ServiceKey,
  serviceKey,
} from "jimv";

/** The one-time code that is printed at start, so that nobody else becomes administrator first. */
export interface SetupCode {
  /** True for the right code; tries are limited. */
  check(code: string): boolean;
}
/** The program provides it before plugins start. */
export const setupCode: ServiceKey<SetupCode> = serviceKey("setupCode");

/** What the set-up must know of the program. */
export interface SetupHost {
  version: string;
  /** The node in this very process, or null in a controller of its own. */
  localNode: string | null;
  /** What the form offers as storage folder. */
  storagePath: string;
  road(): RoadStatus;
}
/** The program provides it before plugins start. */
export const setupHost: ServiceKey<SetupHost> = serviceKey("setupHost");

/** One thing that was looked at. Words have their arguments beside them. */
export interface Check {
  id: "database" | "road" | "libvirt" | "qemu" | "acceleration" | "space" | "ports";
  state: "ok" | "warn" | "bad" | "running";
  /** What was found. */
  found: { word: string; args: Record<string, string | number> } | { text: string };
  /** What it means and how to mend it; each where there is something to say. */
  fixes: { word: string; args: Record<string, string | number>; command?: string }[];
}

/** The choices of the wizard and of `jimv setup`. */
export interface SetupInput {
  /** Of the first administrator. */
  name: string;
  password: string;
  language: Language;
  storagePath: string;
  /** Null for JimV's own NAT network. */
  bridge: string | null;
  vncPortFirst: number;
  vncPortLast: number;
}

/** Who was made. */
type Person = Awaited<ReturnType<AccessService["createPerson"]>>;

export interface SetupService {
  /** Whether somebody can sign in, as of the last look. */
  isDone(): boolean;
  checks(): Promise<Check[]>;
  /** What is wrong with the choices, before anything is done. */
  refusalOf(input: SetupInput): Promise<Error | null>;
  /**
   * Makes the first administrator, keeps the choices and sets this machine's node up. `taskId` is that of the
   * node's set-up; null where there is no node in this process, or it hasn't reported yet.
   * @throws AppError conflict when it was done already, invalid or conflict at a field
   */
  finish(input: SetupInput, actor: Actor): Promise<{ person: Person; taskId: string | null }>;
}

/** By this key the program asks for it: `jimv setup` does the wizard's work. */
export const setupService: ServiceKey<SetupService> = serviceKey("setup");
