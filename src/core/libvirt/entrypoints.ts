/**
 * Files that `bun build --compile` must be given as further entry points (paths from the repository's root),
 * and how a running program finds them.
 */
export const workerEntrypoints = ["src/core/libvirt/worker.ts"] as const;

/**
 * Address of the worker file. Inside a compiled executable every module claims to be the bundle's root, and
 * entry points keep their path below `src`, the folder that all of them share.
 */
function workerUrl(): string {
  const compiled = import.meta.url.includes("/$bunfs/");
  return new URL(compiled ? "./core/libvirt/worker.ts" : "./worker.ts", import.meta.url).href;
}

/** A worker that does not keep the program alive: one that has nothing else to do may end. */
export function startWorker(): Worker {
  // `ref` and `smol` are Bun's own; lib.dom does not know them.
  const options: WorkerOptions & { ref: boolean; smol: boolean } = { ref: false, smol: true };
  return new Worker(workerUrl(), options);
}
