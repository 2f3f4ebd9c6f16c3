/** Commands inside a guest, through its agent: what the guest itself says of what JimV made of it. */
import { until } from "./app.ts";
import type { PrivateLibvirtd } from "./libvirtd.ts";

interface AgentAnswer {
  pid?: number;
  exited?: boolean;
  exitcode?: number;
  "out-data"?: string;
  "err-data"?: string;
}

/** What a command in a guest came to. */
export interface Outcome {
  /** Its exit status; -1 when a signal ended it. */
  status: number;
  output: string;
  errors: string;
}

/** How long a command in an emulated guest may take. */
const commandMilliseconds = 30_000;

/**
 * Runs a shell command in the guest, with arguments for it.
 * @throws Error when its agent does not answer, or the command does not end
 */
export async function inGuest(
  libvirtd: PrivateLibvirtd,
  name: string,
  command: string,
  args: readonly string[] = [],
): Promise<Outcome> {
  const agent = async (message: object): Promise<AgentAnswer> =>
    JSON.parse(await libvirtd.virsh("qemu-agent-command", name, JSON.stringify(message))).return;
  const { pid } = await agent({
    execute: "guest-exec",
    arguments: { path: "/bin/sh", arg: ["-c", command, "sh", ...args], "capture-output": true },
  });
  let answer: AgentAnswer = {};
  await until(`"${command}" ends in ${name}`, commandMilliseconds, async () => {
    answer = await agent({ execute: "guest-exec-status", arguments: { pid } });
    return answer.exited === true;
  });
  const text = (encoded = ""): string => Buffer.from(encoded, "base64").toString();
  return {
    status: answer.exitcode ?? -1,
    output: text(answer["out-data"]),
    errors: text(answer["err-data"]),
  };
}

/** What a command in the guest prints. @throws Error when it fails */
export async function saidIn(libvirtd: PrivateLibvirtd, name: string, command: string): Promise<string> {
  const { status, output, errors } = await inGuest(libvirtd, name, command);
  if (status !== 0) throw new Error(`"${command}" ended with ${status} in ${name}: ${errors}${output}`);
  return output.trim();
}

/** Whether a command succeeds in the guest; one that can't be asked yet says no. */
export async function soon(libvirtd: PrivateLibvirtd, name: string, command: string): Promise<boolean> {
  try {
    return (await inGuest(libvirtd, name, command)).status === 0;
  } catch {
    return false;
  }
}
