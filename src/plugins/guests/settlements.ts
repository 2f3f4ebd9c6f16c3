/** What becomes of guests when their tasks end: written in the same batch as the task's own end. */
import {
  and,
  type ControllerContext,
  type EventRow,
  eq,
  type PayloadOf,
  type ReportEffects,
  remove,
  type Statement,
  type Task,
  type TaskError,
  type TaskKind,
  type TObject,
  type TSchema,
  update,
} from "jimv";
import { disks } from "../disks/index.ts";
import { guestDeleted } from "./contract.ts";
import { diskEvent, guestEvent, portsTaken } from "./creation.ts";
import { prepareInit } from "./init.ts";
import { guestUnmade } from "./joining.ts";
import { freePorts, nameKeyOf } from "./naming.ts";
import type { GuestNeeds } from "./needs.ts";
import { changeGuest, releasedSet, stateSet } from "./observation.ts";
import { type Guest, guestDetails, guestInterfaces, guests } from "./schema.ts";
import type { GuestState, Observed } from "./states.ts";
import {
  attachDisk,
  createGuest,
  deleteGuest,
  detachDisk,
  forceRebootGuest,
  forceStopGuest,
  initGuest,
  pauseGuest,
  rebootGuest,
  reshapeGuest,
  resumeGuest,
  shutdownGuest,
  startGuest,
} from "./tasks.ts";

const nothing: ReportEffects = { statements: [] };
const portTaken = "hypervisor.portInUse";

export function registerSettlements(context: ControllerContext, needs: GuestNeeds): void {
  const { store, clock } = context;
  const rowOf = (uuid: string): Promise<Guest | null> =>
    store.first(guests, { where: eq(guests.uuid, uuid) });

  /** The row of a guest that is in one of `states`, where the settlement has something to say. */
  async function inState(uuid: string, ...states: GuestState[]): Promise<Guest | null> {
    const guest = await rowOf(uuid);
    return guest && states.includes(guest.state) ? guest : null;
  }

  /** Lets go of a guest: from here on its state is what its node says. */
  function release(guest: Guest, fallback: Observed | null): ReportEffects {
    const set = releasedSet(guest, fallback, clock.now());
    return {
      statements: [changeGuest(guest, set)],
      events: [guestEvent(guest.uuid, { state: set.state ?? guest.state })],
    };
  }

  /** Another port for a guest whose port something outside of JimV holds; null when none is free. */
  async function anotherPort(guest: Guest, refused: readonly number[]): Promise<number | null> {
    const node = await needs.nodes.get(guest.nodeName);
    if (!node?.vnc) return null;
    const taken = await portsTaken(context, guest.nodeName);
    for (const port of refused) taken.add(port);
    try {
      return freePorts(node.vnc, taken, 1, node.name)[0] ?? null;
    } catch {
      return null;
    }
  }

  const rebook = (guest: Guest, port: number): Statement =>
    update(guests, { vncPort: port }, and(eq(guests.uuid, guest.uuid), eq(guests.state, guest.state)), {
      expect: 1,
    });

  context.settle(createGuest, {
    started: async (_task, payload) => ({ statements: [], events: [guestEvent(payload.uuid)] }),
    succeeded: async (task, payload, result) => {
      const guest = await inState(payload.uuid, "creating");
      if (!guest) return nothing;
      const released = release(guest, result.state);
      const attached = update(disks, { state: "attached" }, eq(disks.guestUuid, guest.uuid));
      const init =
        guest.init === "agent" && result.state === "running" ? await prepareInit(context, guest, task) : null;
      return {
        statements: [...released.statements, attached, ...(init?.statements ?? [])],
        events: [...(released.events ?? []), ...diskEvents(payload), ...(init?.events ?? [])],
        after: () => context.tasks.kick(),
      };
    },
    failed: async (_task, payload, error) => {
      const guest = await inState(payload.uuid, "creating");
      if (!guest) return nothing;
      const along = { guest, statements: [] as Statement[], events: [] as EventRow[] };
      // A guest that may still be there keeps what was booked for it until it is deleted.
      if (!isGivenUp(error)) await context.hooks.run(guestUnmade, along);
      return {
        statements: [
          ...along.statements,
          changeGuest(guest, {
            ...stateSet(guest, "failed", clock.now()),
            ...failure(error),
            wantedState: "off",
            vncPort: null,
            ...(isGivenUp(error) ? {} : { seedPath: null }),
          }),
          remove(guestInterfaces, eq(guestInterfaces.guestUuid, guest.uuid)),
          remove(guestDetails, eq(guestDetails.guestUuid, guest.uuid)),
          // A node that was given up may still have made them: they stay known, so that deleting removes them.
          isGivenUp(error)
            ? update(disks, { state: "failed", ...failure(error) }, eq(disks.guestUuid, guest.uuid))
            : remove(disks, eq(disks.guestUuid, guest.uuid)),
        ],
        events: [guestEvent(guest.uuid, { state: "failed" }), ...diskEvents(payload), ...along.events],
      };
    },
    retry: async (_task, payload, error) => {
      if (error.word !== portTaken) return null;
      const guest = await inState(payload.uuid, "creating");
      const takenPorts = [...payload.takenPorts, payload.vncPort];
      const port = guest ? await anotherPort(guest, takenPorts) : null;
      if (!guest || port === null) return null;
      return {
        payload: { ...payload, vncPort: port, takenPorts },
        statements: [rebook(guest, port)],
        events: [guestEvent(guest.uuid)],
      };
    },
  });

  context.settle(startGuest, {
    succeeded: async (task, payload, result) => {
      // What its node saw may have come before the end of the task, and made it run already.
      const guest = await inState(payload.uuid, "starting", "running");
      if (!guest) return touched(payload.uuid);
      const isReleased = guest.state !== "starting";
      const released = isReleased ? touched(payload.uuid) : release(guest, result.state);
      const isOwing = guest.init === "agent" && guest.initState !== "done";
      const init = isOwing ? await prepareInit(context, guest, task) : null;
      return {
        statements: [...released.statements, ...(init?.statements ?? [])],
        events: [...(released.events ?? []), ...(init?.events ?? [])],
        after: () => context.tasks.kick(),
      };
    },
    failed: async (_task, payload) => {
      const guest = await inState(payload.uuid, "starting");
      return guest ? release(guest, "off") : touched(payload.uuid);
    },
    retry: async (_task, payload, error) => {
      if (error.word !== portTaken) return null;
      const guest = await inState(payload.uuid, "starting");
      if (!guest || guest.vncPort === null) return null;
      const takenPorts = [...payload.takenPorts, guest.vncPort];
      const port = await anotherPort(guest, takenPorts);
      if (port === null) return null;
      return {
        payload: {
          ...payload,
          vnc: { port, listen: guest.vncListen },
          vncPassword: context.vault.unseal(guest.vncPasswordSealed),
          takenPorts,
        },
        statements: [rebook(guest, port)],
        events: [guestEvent(guest.uuid)],
      };
    },
  });

  const touched = (uuid: string): ReportEffects => ({ statements: [], events: [guestEvent(uuid)] });

  /** Tasks that only turn the guest's knobs: the state follows from what the node says. */
  function settlePower<P extends TObject, R extends TSchema>(kind: TaskKind<P, R>, own: GuestState[]): void {
    const end = async (uuid: string, fallback: Observed | null): Promise<ReportEffects> => {
      const guest = await inState(uuid, ...own);
      return guest ? release(guest, fallback) : touched(uuid);
    };
    const uuidOf = (task: Task): string => task.targetKey;
    context.settle(kind, {
      started: async (task) => touched(uuidOf(task)),
      succeeded: (task, _payload, result) => end(uuidOf(task), (result as { state: Observed }).state),
      failed: (task) => end(uuidOf(task), null),
    });
  }
  settlePower(shutdownGuest, ["stopping"]);
  settlePower(forceStopGuest, ["stopping"]);
  settlePower(rebootGuest, []);
  settlePower(forceRebootGuest, []);
  settlePower(pauseGuest, []);
  settlePower(resumeGuest, []);

  context.settle(deleteGuest, {
    succeeded: async (_task, payload) => {
      const guest = await inState(payload.uuid, "deleting");
      if (!guest) return nothing;
      const statements: Statement[] = [
        ...payload.disks.map((uuid) =>
          remove(disks, and(eq(disks.uuid, uuid), eq(disks.guestUuid, guest.uuid))),
        ),
        update(disks, { guestUuid: null, target: null, state: "idle" }, eq(disks.guestUuid, guest.uuid)),
        remove(guestInterfaces, eq(guestInterfaces.guestUuid, guest.uuid)),
        remove(guestDetails, eq(guestDetails.guestUuid, guest.uuid)),
        remove(guests, eq(guests.uuid, guest.uuid), { expect: 1 }),
      ];
      const along = { guest, statements: [] as Statement[], events: [] as EventRow[] };
      await context.hooks.run(guestDeleted, along);
      const touchedDisks = [...payload.disks, ...payload.kept];
      return {
        statements: [...along.statements, ...statements],
        events: [
          guestEvent(guest.uuid, { deleted: true }),
          ...touchedDisks.map((uuid) => diskEvent(uuid)),
          ...along.events,
        ],
      };
    },
    failed: async (_task, payload, error) => {
      const guest = await inState(payload.uuid, "deleting");
      if (!guest) return nothing;
      const isThere = guest.observedState !== null && guest.observedState !== "absent";
      if (isThere && guest.vncPort !== null) return release(guest, null);
      return {
        statements: [changeGuest(guest, { ...stateSet(guest, "failed", clock.now()), ...failure(error) })],
        events: [guestEvent(guest.uuid, { state: "failed" })],
      };
    },
  });

  context.settle(initGuest, {
    started: async (_task, payload) => touched(payload.uuid),
    succeeded: async (_task, payload, result) => ({
      statements: [
        update(
          guests,
          {
            initState: "done",
            initWord: result.hostnameSet ? null : "guests.initNoHostname",
            initArgs: null,
          },
          eq(guests.uuid, payload.uuid),
        ),
      ],
      events: [guestEvent(payload.uuid)],
    }),
    failed: async (_task, payload, error) => ({
      statements: [
        update(
          guests,
          { initState: "failed", initWord: error.word, initArgs: error.args },
          eq(guests.uuid, payload.uuid),
        ),
      ],
      events: [guestEvent(payload.uuid)],
    }),
  });

  context.settle(reshapeGuest, {
    succeeded: async (_task, payload) => ({
      statements: [
        update(guests, { vcpus: payload.vcpus, memoryMiB: payload.memoryMiB }, eq(guests.uuid, payload.uuid)),
      ],
      events: [guestEvent(payload.uuid)],
    }),
    failed: async (_task, payload) => {
      if (payload.oldName === undefined) return touched(payload.uuid);
      // Where somebody has taken the old name meanwhile, the new one stays: libvirt's own name matters to nobody.
      const key = nameKeyOf(payload.oldName);
      const holder = await store.first(guests, { where: eq(guests.nameKey, key) });
      if (holder && holder.uuid !== payload.uuid) return touched(payload.uuid);
      return {
        statements: [update(guests, { name: payload.oldName, nameKey: key }, eq(guests.uuid, payload.uuid))],
        events: [guestEvent(payload.uuid)],
      };
    },
  });

  context.settle(attachDisk, {
    succeeded: async (_task, payload) => ({
      statements: [
        update(
          disks,
          { state: "attached" },
          and(eq(disks.uuid, payload.diskUuid), eq(disks.state, "attaching")),
        ),
      ],
      events: [diskEvent(payload.diskUuid), guestEvent(payload.uuid)],
    }),
    failed: async (task, payload, error) => ({
      statements: [
        update(
          disks,
          // A disk that counted as free while the guest has it could be given to a second one. As an attached one
          // it can be detached, which does no harm where it never was.
          isUnknown(task, error) ? { state: "attached" } : { state: "idle", guestUuid: null, target: null },
          and(eq(disks.uuid, payload.diskUuid), eq(disks.state, "attaching")),
        ),
      ],
      events: [diskEvent(payload.diskUuid), guestEvent(payload.uuid)],
    }),
  });

  context.settle(detachDisk, {
    succeeded: async (_task, payload) => ({
      statements: [
        update(
          disks,
          { state: "idle", guestUuid: null, target: null },
          and(eq(disks.uuid, payload.diskUuid), eq(disks.state, "detaching")),
        ),
      ],
      events: [diskEvent(payload.diskUuid), guestEvent(payload.uuid)],
    }),
    // Also where nobody knows: what was detached after all is detached again without harm.
    failed: async (_task, payload) => ({
      statements: [
        update(
          disks,
          { state: "attached" },
          and(eq(disks.uuid, payload.diskUuid), eq(disks.state, "detaching")),
        ),
      ],
      events: [diskEvent(payload.diskUuid), guestEvent(payload.uuid)],
    }),
  });
}

/** The controller ended the task by itself: what became of the work on the node is not known. */
const isGivenUp = (error: TaskError): boolean => error.word.startsWith("task.expired");

/** A node may have done the work, and nobody heard of it: the task was sent, and given up or lost with its node. */
const isUnknown = (task: Task, error: TaskError): boolean =>
  (isGivenUp(error) || error.word === "task.interrupted") && (task.sentAt !== null || task.attempts > 1);

function failure(error: TaskError): { failedWord: string; failedArgs: TaskError["args"] } {
  return { failedWord: error.word, failedArgs: error.args };
}

function diskEvents(payload: PayloadOf<typeof createGuest>): EventRow[] {
  return [payload.systemDisk, ...payload.dataDisks].map((disk) => diskEvent(disk.uuid));
}
