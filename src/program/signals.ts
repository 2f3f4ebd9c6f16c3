import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log/log.ts";
import { timing } from "../core/timing.ts";

/**
 * Waits for a signal, then stops. A stop that hangs ends, too: everything may be killed at any moment anyway.
 * Resolves with the exit code.
 */
export async function untilStopped(clock: Clock, log: Log, stop: () => Promise<void>): Promise<number> {
  const signal = await stopSignal();
  log.info("stopping", { signal });
  const late = clock.after(timing.stopMilliseconds, () => process.exit(1));
  await stop();
  late();
  return 0;
}

/** Resolves with the first signal that asks the program to stop; a second one ends it at once. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
  });
}
