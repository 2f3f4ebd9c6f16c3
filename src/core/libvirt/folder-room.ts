/** How much room the file system of a folder has, asked without libvirtd. */
import { timing } from "../timing.ts";
import { HypervisorError } from "./hypervisor.ts";

export interface FolderRoom {
  capacityBytes: number;
  availableBytes: number;
}

/**
 * Asks in a process of its own, as a dead network storage holds up whoever touches it, for hours. Null when the folder
 * can't be asked, e.g. because it is gone. @throws HypervisorError timeout
 */
export async function roomOf(folder: string): Promise<FolderRoom | null> {
  // %S: the unit of the other two; %b: all blocks; %f: the free ones, as libvirt counts them.
  const child = Bun.spawn(["stat", "--file-system", "--format=%S %b %f", "--", folder], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const silent = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    silent.reject(new HypervisorError("timeout", `The storage of ${folder} does not answer.`));
  }, timing.poolMarkMilliseconds);
  try {
    const ended = (async () => {
      const text = await new Response(child.stdout).text();
      return (await child.exited) === 0 ? text : null;
    })();
    const text = await Promise.race([ended, silent.promise]);
    const [unit, all, free] = text?.trim().split(" ").map(Number) ?? [];
    if (!unit || all === undefined || free === undefined) return null;
    return { capacityBytes: unit * all, availableBytes: unit * free };
  } finally {
    clearTimeout(timer);
  }
}
