/** The node's side of replacements: live through the guest agent, and the seed before a boot. Each may be done twice. */
import { open } from "node:fs/promises";
import { AppError, fits, HypervisorError, type NodeContext, type PayloadOf, timing } from "jimv";
import { guestBooting, renewalImage } from "../guests/index.ts";
import { filters } from "./filters.ts";
import { applyScript, backScript, codes, keepScript } from "./in-guest.ts";
import { type Reach, reach } from "./reach.ts";
import { appliedReport, CarriedSeed, carriedAs, checkReplaced, replaceLive } from "./replace-tasks.ts";
import { startTying } from "./tie-operations.ts";

/** `again`: an earlier attempt or task may have changed the guest already, and only the guest can say so. */
type Live = PayloadOf<typeof replaceLive>;
type Tied = Pick<Live, "uuid" | "mac" | "tie">;
const refusal = (word: string, args: Record<string, string | number> = {}): AppError =>
  new AppError("conflict", word, args);

export function startNode(context: NodeContext, look: Reach = reach): void {
  const { hypervisor, clock } = context;
  startTying(context);

  /** Whether the guest answers there: in its own network by its own card. */
  async function isHers(address: string, mac: string): Promise<boolean> {
    const answer = await look(address);
    return answer.answered && (answer.mac === null || answer.mac === mac);
  }

  /** Runs one of our scripts in the guest; its exit code. @throws HypervisorError */
  async function inGuest(uuid: string, script: string, args: readonly string[]): Promise<number> {
    const end = clock.now() + timing.agentCommandSeconds * 1000;
    const ask = (execute: string, more: object) =>
      hypervisor.agent(uuid, { execute, arguments: more }, timing.agentCommandSeconds);
    const begun = await ask("guest-exec", { path: "/bin/sh", arg: ["-c", script, "sh", ...args] });
    const pid = field(begun, "pid");
    for (;;) {
      const status = await ask("guest-exec-status", { pid });
      if (field(status, "exited") === true) return Number(field(status, "exitcode") ?? -1);
      if (clock.now() >= end)
        throw new HypervisorError("agentSilent", "the command in the guest does not end");
      await clock.sleep(timing.agentExecLookMilliseconds);
    }
  }

  /** Before anything is changed. @throws AppError with what stands against it */
  async function demandReady({ uuid, mac, now, again }: Live): Promise<void> {
    const fact = await hypervisor.domain(uuid);
    if (fact?.state !== "running") throw refusal(again ? "addresses.live.gone" : "addresses.live.off");
    const address = plain(now);
    const [isAwake, there] = await Promise.all([
      hypervisor.agentAnswers(uuid, timing.agentPingSeconds),
      look(address),
    ]);
    if (!isAwake) throw refusal(again ? "addresses.live.unknown" : "addresses.live.silent");
    // Through a router nobody sees who it is that answers; it may be the guest, once it was told.
    const isOthers = there.mac === null ? !again : there.mac !== mac;
    if (there.answered && isOthers) throw refusal("addresses.live.taken", { address });
  }

  async function apply(payload: Live): Promise<void> {
    const seconds = String(timing.replaceTimerMilliseconds / 1000);
    const { replacement, mac, old, now, gateway, uuid } = payload;
    let code: number;
    try {
      code = await inGuest(uuid, applyScript, [replacement, mac, old, now, gateway ?? "", seconds]);
    } catch (error) {
      if (!(error instanceof HypervisorError)) throw error;
      if (error.retryable || payload.again) throw refusal("addresses.live.unknown");
      throw refusal("addresses.live.denied");
    }
    if (code === codes.noCard) throw refusal("addresses.live.noCard", { mac });
    if (code === codes.noTools) throw refusal("addresses.live.noTools");
    if (code !== 0) await takeBack(payload, clock.now());
  }

  /**
   * A guest that has booted since knows of no change: it has what its files say. Those are written last of all, so
   * that is the old address, unless an attempt before this one came so far.
   */
  const wasNever = (code: number, { again }: Live): boolean => code === codes.nothingHere && !again;

  /** Lets the guest have its old address again, and says so. If it does not hear, its own timer does it. */
  async function takeBack(payload: Live, since: number): Promise<never> {
    const address = plain(payload.now);
    try {
      const code = await inGuest(payload.uuid, backScript, [payload.replacement]);
      if (code !== 0 && !wasNever(code, payload)) throw refusal("addresses.live.unknown");
    } catch (error) {
      if (!(error instanceof HypervisorError)) throw error;
      // Its timer may have been stopped by the attempt before.
      if (payload.again) throw refusal("addresses.live.unknown");
      await clock.sleep(Math.max(0, since + timing.replaceTimerMilliseconds - clock.now()));
    }
    throw refusal("addresses.rolledBack", { address });
  }

  /** Ties the interface to what it is under then; false where that did not come about. */
  async function tie({ uuid, mac, tie: wanted }: Tied, when: "during" | "after"): Promise<boolean> {
    if (wanted === null) return true;
    try {
      if (wanted[when]) await hypervisor.ensureFilters(filters);
      await hypervisor.setFilter(uuid, mac, wanted[when]);
      return true;
    } catch (error) {
      if (!(error instanceof HypervisorError)) throw error;
      context.log.warn("a guest could not be tied to its address", { guest: uuid, error: error.message });
      return false;
    }
  }

  async function answersSoon(payload: Live): Promise<boolean> {
    const end = clock.now() + timing.replaceAnswerMilliseconds;
    while (!(await isHers(plain(payload.now), payload.mac))) {
      if (clock.now() >= end) return false;
      await clock.sleep(timing.reachAgainMilliseconds);
    }
    return true;
  }

  /** The change stays. @throws AppError when the guest's timer was first, or nobody knows */
  async function keep(payload: Live, since: number): Promise<void> {
    for (;;) {
      try {
        const code = await inGuest(payload.uuid, keepScript, [payload.replacement]);
        if (code === 0) return;
        if (code !== codes.tooLate && !wasNever(code, payload)) throw refusal("addresses.live.unknown");
        throw refusal("addresses.rolledBack", { address: plain(payload.now) });
      } catch (error) {
        if (!(error instanceof HypervisorError)) throw error;
        if (clock.now() >= since + timing.replaceTimerMilliseconds) throw refusal("addresses.live.unknown");
        await clock.sleep(timing.agentExecLookMilliseconds);
      }
    }
  }

  context.operation(replaceLive, async (operation, ordered) => {
    const payload = { ...ordered, again: ordered.again || operation.isRepeated };
    await operation.step("addresses.step.look", null, () => demandReady(payload));
    operation.progress(20);
    if (payload.tie) await operation.step("addresses.step.tieBoth", null, () => tie(payload, "during"));
    const since = clock.now();
    await operation.step("addresses.step.apply", null, () => apply(payload));
    context.report(appliedReport, { replacement: payload.replacement, telling: 0 });
    operation.progress(50);
    const answers =
      payload.unseen || (await operation.step("addresses.step.verify", null, () => answersSoon(payload)));
    if (!answers) return operation.step("addresses.step.back", null, () => takeBack(payload, since));
    await operation.step("addresses.step.keep", null, () => keep(payload, since));
    operation.progress(80);
    const tied =
      payload.tie === null || (await operation.step("addresses.step.tie", null, () => tie(payload, "after")));
    operation.progress(90);
    const { seed } = payload;
    if (!seed) return { told: false, tied };
    const told = await operation.step("addresses.step.seed", null, () =>
      writeOver(seed.path, renewalImage(seed.facts)),
    );
    if (!told)
      context.log.warn("the seed of a guest that runs could not be written", { guest: payload.uuid });
    return { told, tied };
  });

  context.operation(checkReplaced, async (operation, payload) => {
    const { mac, address } = payload;
    const end = clock.now() + timing.replacedCheckDeadlineMilliseconds - timing.expiryGraceMilliseconds;
    await operation.step("addresses.step.verify", null, async () => {
      while (!(await isHers(address, mac))) {
        operation.signal.throwIfAborted();
        if (clock.now() >= end) throw refusal("addresses.noAnswer", { address });
        await clock.sleep(timing.reachBootAgainMilliseconds);
      }
    });
    const tied =
      payload.tie === null || (await operation.step("addresses.step.tie", null, () => tie(payload, "after")));
    return { tied };
  });

  context.onStop(
    context.hooks.on(guestBooting, async ({ carry, operation }) => {
      const carried: unknown = JSON.parse(carry[carriedAs] ?? "null");
      if (!fits(CarriedSeed, carried)) return;
      const { seed, replacement, telling } = carried;
      if (seed)
        await operation.step("addresses.step.seed", null, () =>
          hypervisor.images.write(seed.path, renewalImage(seed.facts)),
        );
      context.report(appliedReport, { replacement, telling });
    }),
  );
}

const plain = (withPrefix: string): string => withPrefix.split("/")[0] ?? "";

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/**
 * Writes a seed in its place, since the QEMU that runs has this very file open: put beside it and renamed, a reboot
 * of the guest from inside would read the old one. False where it can't be; it is told at the next start then.
 */
async function writeOver(path: string, data: Uint8Array): Promise<boolean> {
  try {
    const file = await open(path, "r+");
    try {
      // QEMU does not see a file grow.
      if ((await file.stat()).size < data.length) return false;
      await file.write(data, 0, data.length, 0);
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}
