/** The node's side of spoofing protection: it holds the filters, and puts guests' interfaces under them. */
import { fits, HypervisorError, type NodeContext, timing } from "jimv";
import { guestBooting } from "../guests/index.ts";
import { filters } from "./filters.ts";
import { CarriedTie, carriedTieAs, tieGuest } from "./replace-tasks.ts";

export function startTying(context: NodeContext): void {
  const { hypervisor, hooks, log } = context;
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

  context.onStop(
    hooks.on(guestBooting, async ({ uuid, carry, operation }) => {
      const carried: unknown = JSON.parse(carry[carriedTieAs] ?? "null");
      if (!fits(CarriedTie, carried)) return;
      const { mac, filter } = carried;
      await operation.step("addresses.step.tie", null, async () => {
        try {
          if (filter) await hypervisor.ensureFilters(filters);
          await hypervisor.setFilter(uuid, mac, filter);
        } catch (error) {
          if (!(error instanceof HypervisorError)) throw error;
          // It is still written down: the guest is tied anew while it runs.
          log.warn("a guest could not be tied before its start", { guest: uuid, error: error.message });
        }
      });
    }),
  );
}
