/**
 * How long this machine kept the test itself waiting for a processor: what a limit has to allow on a machine that
 * does other things, too. On an idle one it is next to nothing, and the limit stays as tight as it is written.
 */
const tickMilliseconds = 10;
/** Processes that a change passes on its way to the page, each of which may be kept waiting: libvirtd, JimV's workers, JimV, Chromium, the test. */
const hops = 5;

export interface Stalls {
  /** A limit (ms) for what happened since the watch began, allowing for the longest stall seen. */
  allow(limitMilliseconds: number): number;
  stop(): void;
}

export function watchStalls(): Stalls {
  let longest = 0;
  let last = performance.now();
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last - tickMilliseconds);
    last = now;
  };
  const ticker = setInterval(look, tickMilliseconds);
  return {
    allow(limitMilliseconds) {
      look();
      return limitMilliseconds + hops * longest;
    },
    stop: () => clearInterval(ticker),
  };
}
