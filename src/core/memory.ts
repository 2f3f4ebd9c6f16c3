/**
 * Gives memory back once work is over. A burst (twenty guests made at once, a page rendered for many) leaves
 * garbage, half-empty heap blocks and machine code behind, which the engine would keep for the next one. Each
 * thread has a heap of its own, so each one that lives long starts this for itself.
 */
import type { Clock } from "./clock.ts";
import { timing } from "./timing.ts";
import type { Undo } from "./undo.ts";

/** Below this share of one processor the process counts as quiet: heartbeats and lists of domains take 1 to 3 %. */
const quietShare = 0.1;
/** Trimming drops compiled code, which the next request makes again in about 20 ms: it must be worth that. */
const worthwhileBytes = 4 * 1024 ** 2;

/** What the process takes: seen whole, as no thread can see its own share. */
export interface Usage {
  cpuMilliseconds: number;
  rssBytes: number;
}

function usageOfProcess(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMilliseconds: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
}

/**
 * Looks every now and then, and shrinks this thread's heap when the process was quiet since the last look: once
 * after each time of work (the start is one), and whenever it has grown in small steps.
 */
export function trimWhenQuiet(
  clock: Pick<Clock, "every">,
  usage: () => Usage = usageOfProcess,
  shrink: () => void = Bun.shrink,
): Undo {
  let { cpuMilliseconds: before } = usage();
  /** What was left after the last time; null: it is not known, as work came between. */
  let left: number | null = null;
  let trimmed = false;
  return clock.every(timing.memoryLookMilliseconds, () => {
    const { cpuMilliseconds, rssBytes } = usage();
    const share = (cpuMilliseconds - before) / timing.memoryLookMilliseconds;
    before = cpuMilliseconds;
    const settled = trimmed;
    trimmed = false;
    if (share >= quietShare) left = null;
    // What was freed goes back to the system a little later, so it is seen at the next look.
    else if (settled) left = rssBytes;
    else if (left === null || rssBytes - left >= worthwhileBytes) {
      trimmed = true;
      shrink();
    } else left = Math.min(left, rssBytes);
  });
}
