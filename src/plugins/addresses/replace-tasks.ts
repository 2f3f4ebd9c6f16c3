/** The tasks and reports of replacements, shared by controller and node. */
import { defineTask, type Task, Type, timing } from "jimv";
import { InterfaceFilterBody } from "../guests/index.ts";

const Uuid = Type.String({ pattern: "^[0-9a-f-]{36}$" });
/** With prefix: `192.0.2.7/24`. */
const WithPrefix = Type.String({ pattern: "^[0-9a-f:.]+/[0-9]{1,3}$" });
const Plain = Type.String({ pattern: "^[0-9a-f:.]+$" });
const Mac = Type.String({ pattern: "^[0-9a-f:]{17}$" });

/** A guest's seed, made anew with another instance-id. */
export const NewSeed = Type.Object({
  path: Type.String({ pattern: "^/", maxLength: 512 }),
  facts: Type.Object({
    instanceId: Type.String({ maxLength: 128 }),
    hostname: Type.String(),
    userName: Type.String(),
    interfaces: Type.Array(
      Type.Object({
        mac: Mac,
        addressing: Type.Optional(
          Type.Object({
            addresses: Type.Array(WithPrefix),
            gateways: Type.Array(Plain),
            dns: Type.Array(Plain),
          }),
        ),
      }),
    ),
  }),
});

const Filter = Type.Union([InterfaceFilterBody, Type.Null()]);
/** What the interface is under while both addresses may be the guest's, and once the new one is; null: is not tied. */
const Tie = Type.Union([Type.Object({ during: Filter, after: Filter }), Type.Null()]);

const Where = { replacement: Uuid, uuid: Uuid, mac: Mac };

/** Changes the address of a guest that runs, through its agent, and looks from outside whether it answers. */
export const replaceLive = defineTask({
  kind: "addresses.replace",
  payload: Type.Object({
    ...Where,
    old: WithPrefix,
    now: WithPrefix,
    gateway: Type.Union([Plain, Type.Null()]),
    seed: Type.Union([NewSeed, Type.Null()]),
    tie: Tie,
    /** A task before this one may have changed the guest already, and nobody heard how that ended. */
    again: Type.Boolean(),
    /** A person says that the guest has its new address then: nobody looks whether it answers. */
    unseen: Type.Boolean(),
  }),
  /**
   * `told`: the guest's seed says the new address, too, so that a reboot keeps it. `tied`: nothing but the new address
   * passes any more.
   */
  result: Type.Object({ told: Type.Boolean(), tied: Type.Boolean() }),
  deadlineMs: timing.replaceDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: false,
  weight: "patient",
});

/** Waits until a guest that was told at its boot answers at its new address. */
export const checkReplaced = defineTask({
  kind: "addresses.check",
  payload: Type.Object({ ...Where, address: Plain, tie: Tie }),
  /** As `replaceLive`'s. */
  result: Type.Object({ tied: Type.Boolean() }),
  deadlineMs: timing.replacedCheckDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: true,
  weight: "patient",
});

/** Ties a guest's interface to its addresses, or lets it go: now where it runs, and for its next start. */
export const tieGuest = defineTask({
  kind: "addresses.tie",
  payload: Type.Object({ uuid: Uuid, mac: Mac, filter: Filter }),
  result: Type.Object({}),
  deadlineMs: timing.powerDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: true,
  weight: "light",
});

/** A node tells that a guest was told of its new address. */
export const appliedReport = "addresses.applied";
export const AppliedReport = Type.Object({ replacement: Uuid, telling: Type.Integer() });

/** What travels with a boot, under this plugin's name in the luggage. */
export const carriedAs = "addresses";
/** `seed` is null where the boot alone is what was waited for. */
export const CarriedSeed = Type.Object({
  replacement: Uuid,
  telling: Type.Integer(),
  seed: Type.Union([NewSeed, Type.Null()]),
});

/** As `carriedAs`: what a guest's interface shall be under that was not tied anew before its start. */
export const carriedTieAs = "addresses.tie";
export const CarriedTie = Type.Object({ mac: Mac, filter: Filter });

/** Words of a first attempt's failures, after which the guest has what it had before. */
const unchangedWords: readonly string[] = [
  "addresses.live.off",
  "addresses.live.silent",
  "addresses.live.denied",
  "addresses.live.taken",
  "addresses.live.noCard",
  "addresses.live.noTools",
  "addresses.rolledBack",
];

/** Whether the end of a task that changes a guest leaves no doubt that the guest has what it had before. */
export function isUnchanged(word: string, task: Pick<Task, "attempts" | "sentAt">, again: boolean): boolean {
  // A task that a person began once more can't speak for those before it.
  if (again) return false;
  // Nor can another attempt, unless the guest itself has said so.
  if (task.attempts > 1) return word === "addresses.rolledBack";
  // One that was sent may be carried out although nobody heard that it began.
  return unchangedWords.includes(word) || task.sentAt === null;
}
