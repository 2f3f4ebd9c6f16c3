/** What libguestfs needs on this machine, and a small guest's disk to try it on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const script = join(import.meta.dir, "../boot-jobs/ground.sh");

/** Makes `guest.qcow2` in the folder. What libguestfs must have in its environment. */
export async function libguestfsGround(folder: string): Promise<Record<string, string>> {
  const made = Bun.spawn([script, folder], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  if ((await made.exited) !== 0) throw new Error("the ground of libguestfs could not be made");
  const lines = readFileSync(join(folder, "environment"), "utf8").split("\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", value = ""] = line.split("=");
      return [name, value];
    }),
  );
}
