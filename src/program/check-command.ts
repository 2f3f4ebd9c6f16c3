/** `jimv check`: what is missing on this machine, and how to mend it. */
import { probeMachine } from "../core/checks/machine.ts";
import { realClock } from "../core/clock.ts";
import type { CommandSpec } from "./commands.ts";
import { configOf } from "./options.ts";

const marks = { ok: "ok     ", warn: "warning", bad: "MISSING" } as const;

export const checkCommand: CommandSpec = {
  name: "check",
  short: "say what is missing on this machine and how to mend it",
  long: [
    "Looks at processor, kernel, C library, libvirt, QEMU, virtualization, disk space, ports and the data",
    "folder. Exit code 0 when nothing that JimV needs is missing; warnings do not count.",
  ].join("\n"),
  options: { json: { type: "boolean", help: "print the result as JSON" } },
  async run(options) {
    const results = await probeMachine(configOf(options), realClock);
    if (options.json === true) console.log(JSON.stringify(results, null, 2));
    else
      for (const result of results) {
        console.log(`${marks[result.state]}  ${result.title}: ${result.found}`);
        if (result.state !== "ok" && result.mend) console.log(`         ${result.mend}`);
      }
    return results.some((result) => result.state === "bad") ? 1 : 0;
  },
};
