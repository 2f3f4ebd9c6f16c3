/** Right before a guest boots, on its node: what plugins carry along is done while the guest is off. */
import type { NodeContext, Operation, TaskError } from "jimv";
import { guestBooting } from "./contract.ts";

/** Runs the hook where something is carried. Says why the guest must stay off, or null. */
export async function beforeBoot(
  context: NodeContext,
  operation: Operation,
  uuid: string,
  carry: string | undefined,
): Promise<TaskError | null> {
  if (carry === undefined) return null;
  const fact = await context.hypervisor.domain(uuid);
  // A task that came again after the guest has started: its files are the guest's own now.
  if (fact && fact.state !== "off" && fact.state !== "crashed") return null;
  const subject = {
    uuid,
    carry: JSON.parse(carry) as Record<string, string>,
    operation,
    staysOff: null as TaskError | null,
  };
  await context.hooks.run(guestBooting, subject);
  return subject.staysOff;
}
