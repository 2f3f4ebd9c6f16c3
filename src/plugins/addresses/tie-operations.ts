/** The node's side of spoofing protection: it holds the filters, and puts guests' interfaces under them. */
import { type NodeContext, timing } from "jimv";
import { filters } from "./filters.ts";
import { tieGuest } from "./replace-tasks.ts";

export function startTying(context: NodeContext): void {
  const { hypervisor, log } = context;
  let wasRefused = false;

  /** Again and again: somebody may have removed them, and guests that need them would not start. */
  async function hold(): Promise<void> {
    if (!hypervisor.status().connected) return;
    try {
      await hypervisor.ensureFilters(filters);
      wasRefused = false;
    } catch (error) {
      if (!wasRefused) log.warn("guests can't be tied to their addresses here", { error: String(error) });
      wasRefused = true;
    }
  }
  context.every("address filters", timing.nodeFactsMilliseconds, hold);
  context.onStop(hypervisor.onStatus(({ connected }) => void (connected && hold())));
  void hold();

  context.operation(tieGuest, async (operation, { uuid, mac, filter }) => {
    await operation.step("addresses.step.tie", null, async () => {
      if (filter) await hypervisor.ensureFilters(filters);
      await hypervisor.setFilter(uuid, mac, filter);
    });
    return {};
  });
}
