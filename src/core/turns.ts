/** Repeated work that never overlaps itself and never dies of one failure. */
import type { Clock } from "./clock.ts";
import { errorText } from "./errors.ts";
import type { Log } from "./log/log.ts";
import type { Undo } from "./undo.ts";

/** Runs `fn` every `ms`; a turn that still runs is not started again, a failing one is logged. */
export function steadily(
  clock: Clock,
  log: Log,
  name: string,
  ms: number,
  fn: () => void | Promise<void>,
): Undo {
  let busy = false;
  return clock.every(ms, () => {
    if (busy) return;
    busy = true;
    Promise.resolve()
      .then(fn)
      .catch((error) => log.warn("turn failed", { name, error: errorText(error) }))
      .finally(() => {
        busy = false;
      });
  });
}
