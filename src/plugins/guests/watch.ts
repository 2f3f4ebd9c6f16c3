/** Waiting for something to happen to one domain, on a node. */
import type { NodeContext } from "jimv";

export interface DomainWatch {
  /**
   * Resolves at the domain's next event, or after `ms`; at once where an event came since the last call.
   * Rejects with the signal's reason.
   */
  next(ms: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

export function domainWatch(context: Pick<NodeContext, "hypervisor" | "clock">, uuid: string): DomainWatch {
  let missed = false;
  let wake: (() => void) | null = null;
  const stop = context.hypervisor.onDomain((event) => {
    if (event.uuid !== uuid) return;
    missed = true;
    wake?.();
  });
  return {
    next: (ms, signal) =>
      new Promise((resolve, reject) => {
        const settle = (end: () => void): void => {
          cancel();
          signal.removeEventListener("abort", abort);
          wake = null;
          missed = false;
          end();
        };
        const abort = (): void => settle(() => reject(signal.reason));
        const cancel = context.clock.after(missed ? 0 : ms, () => settle(resolve));
        wake = () => settle(resolve);
        signal.addEventListener("abort", abort, { once: true });
        if (signal.aborted) abort();
      }),
    stop,
  };
}
