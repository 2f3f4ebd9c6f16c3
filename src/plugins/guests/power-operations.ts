/** What a node does to turn guests on and off. Every operation may be done twice. */
import { AppError, HypervisorError, type NodeContext, type Operation, timing } from "jimv";
import { beforeBoot } from "./booting.ts";
import type { Observer } from "./observer.ts";
import type { Observed } from "./states.ts";
import {
  forceRebootGuest,
  forceStopGuest,
  pauseGuest,
  rebootGuest,
  resumeGuest,
  shutdownGuest,
  startGuest,
} from "./tasks.ts";
import { domainWatch } from "./watch.ts";

export function registerPower(context: NodeContext, observer: Observer): void {
  const { hypervisor } = context;

  context.operation(startGuest, async (operation, payload) => {
    const { uuid, vnc, vncPassword } = payload;
    if (vnc && vncPassword !== undefined)
      await operation.step("guests.step.port", null, () =>
        hypervisor.setVnc(uuid, { ...vnc, password: vncPassword }),
      );
    const staysOff = await beforeBoot(context, operation, uuid, payload.carry);
    if (staysOff) throw new AppError("conflict", staysOff.word, staysOff.args);
    const state = await turned(operation, "guests.step.start", uuid, ["running", "paused"], () =>
      hypervisor.start(uuid),
    );
    if (state !== "running" && state !== "paused") {
      const name = (await hypervisor.domain(uuid))?.name ?? uuid;
      throw new AppError("conflict", "guests.diedAtStart", { name });
    }
    return { state };
  });

  context.operation(shutdownGuest, async (operation, { uuid }) => {
    const { clock } = context;
    const end = clock.now() + timing.shutdownPatienceMilliseconds;
    const watch = domainWatch(context, uuid);
    try {
      for (;;) {
        const state = await operation.step("guests.step.shutdown", null, () => askToShutDown(uuid));
        if (isOff(state)) break;
        // A guest that has just begun to boot does not hear: it is asked again.
        const again = Math.min(end, clock.now() + timing.shutdownAskAgainMilliseconds);
        while (clock.now() < again) {
          await watch.next(Math.min(timing.shutdownLookMilliseconds, again - clock.now()), operation.signal);
          if (isOff(await observer.look(uuid))) return { state: await observer.look(uuid) };
        }
        if (clock.now() >= end)
          throw new AppError("conflict", "guests.shutdownIgnored", {
            seconds: timing.shutdownPatienceMilliseconds / 1000,
          });
      }
    } finally {
      watch.stop();
    }
    return { state: await observer.look(uuid) };
  });

  async function askToShutDown(uuid: string): Promise<Observed> {
    const fact = await hypervisor.domain(uuid);
    if (!fact || isOff(fact.state)) return fact?.state ?? "absent";
    try {
      await hypervisor.shutdown(uuid);
    } catch (error) {
      // It went off in this very moment: the look that follows tells.
      if (!(error instanceof HypervisorError) || error.code !== "wrongState") throw error;
    }
    return fact.state;
  }

  /** One call, then the state; a state that is already reached makes the call superfluous. */
  async function turned(
    operation: Operation,
    word: string,
    uuid: string,
    reached: readonly Observed[],
    call: () => Promise<void>,
  ): Promise<Observed> {
    return operation.step(word, null, async () => {
      try {
        await call();
      } catch (error) {
        if (!(error instanceof HypervisorError)) throw error;
        const state = await observer.look(uuid);
        if (error.code === "wrongState" && reached.includes(state)) return state;
        throw error;
      }
      return observer.look(uuid);
    });
  }

  /** An operation that is one call; `reached`: states in which there is nothing left to do. */
  function power(
    kind: typeof rebootGuest,
    word: string,
    reached: readonly Observed[],
    call: (uuid: string) => Promise<void>,
  ): void {
    context.operation(kind, async (operation, { uuid }) => ({
      state: await turned(operation, word, uuid, reached, () => call(uuid)),
    }));
  }
  power(rebootGuest, "guests.step.reboot", [], (uuid) => hypervisor.reboot(uuid));
  power(forceStopGuest, "guests.step.stop", ["off", "crashed", "absent"], (uuid) => hypervisor.destroy(uuid));
  power(forceRebootGuest, "guests.step.reset", [], (uuid) => hypervisor.reset(uuid));
  power(pauseGuest, "guests.step.pause", ["paused"], (uuid) => hypervisor.suspend(uuid));
  power(resumeGuest, "guests.step.resume", ["running"], (uuid) => hypervisor.resume(uuid));
}

const isOff = (state: Observed): boolean => state === "off" || state === "crashed" || state === "absent";
