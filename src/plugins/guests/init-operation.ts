/** The first set-up through the guest agent: password, and hostname where the agent allows commands. */
import { AppError, HypervisorError, type NodeContext, timing } from "jimv";
import { initGuest } from "./tasks.ts";
import { domainWatch } from "./watch.ts";

/** Sets the hostname now and for later, on systems without systemd; the name comes as an argument, never as text. */
const plainHostname = 'printf "%s\\n" "$1" > /etc/hostname && hostname "$1"';

export function registerInit(context: NodeContext): void {
  const { hypervisor, clock } = context;

  context.operation(initGuest, async (operation, payload) => {
    const { uuid } = payload;
    const end = clock.now() + timing.agentPatienceMilliseconds;
    const watch = domainWatch(context, uuid);
    try {
      for (;;) {
        await operation.step("guests.step.agent", null, () => mustRun(uuid));
        if (await hypervisor.agentAnswers(uuid, timing.agentPingSeconds)) {
          const done = await operation.step("guests.step.password", null, () => setPassword(payload));
          if (done) break;
        }
        if (clock.now() >= end)
          throw new AppError("conflict", "guests.agentSilent", {
            seconds: timing.agentPatienceMilliseconds / 1000,
          });
        await watch.next(timing.agentPingMilliseconds, operation.signal);
      }
    } finally {
      watch.stop();
    }
    operation.progress(80);
    const hostnameSet = await operation.step("guests.step.hostname", null, () => setHostname(payload));
    return { hostnameSet };
  });

  async function mustRun(uuid: string): Promise<void> {
    const fact = await hypervisor.domain(uuid);
    if (fact?.state !== "running" && fact?.state !== "paused")
      throw new AppError("conflict", "guests.initGuestOff", {});
  }

  /** False when the agent fell silent again (the guest reboots): worth another try. */
  async function setPassword(payload: {
    uuid: string;
    userName: string;
    password: string;
  }): Promise<boolean> {
    try {
      await hypervisor.setUserPassword(payload.uuid, payload.userName, payload.password);
      return true;
    } catch (error) {
      if (error instanceof HypervisorError && error.retryable) return false;
      throw error;
    }
  }

  /** Best effort: many agents are not allowed to run commands, and the guest works without. */
  async function setHostname(payload: {
    uuid: string;
    hostname: string;
    isWindows: boolean;
  }): Promise<boolean> {
    if (payload.isWindows) return false;
    const { uuid, hostname } = payload;
    if (await runs(uuid, "hostnamectl", ["set-hostname", hostname])) return true;
    return runs(uuid, "/bin/sh", ["-c", plainHostname, "sh", hostname]);
  }

  /** Whether a program in the guest ended well within its time. */
  async function runs(uuid: string, path: string, args: readonly string[]): Promise<boolean> {
    const end = clock.now() + timing.agentCommandSeconds * 1000;
    try {
      const begun = await hypervisor.agent(
        uuid,
        { execute: "guest-exec", arguments: { path, arg: args } },
        timing.agentCommandSeconds,
      );
      const pid = field(begun, "pid");
      while (typeof pid === "number" && clock.now() < end) {
        const status = await hypervisor.agent(
          uuid,
          { execute: "guest-exec-status", arguments: { pid } },
          timing.agentCommandSeconds,
        );
        if (field(status, "exited") === true) return field(status, "exitcode") === 0;
        await clock.sleep(timing.agentExecLookMilliseconds);
      }
      return false;
    } catch (error) {
      if (error instanceof HypervisorError) return false;
      throw error;
    }
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
