/** libvirt's numbers for domain states, events and their details, as tables. Pure. */

import type { DomainEvent, DomainState } from "./hypervisor.ts";

/** Domains of this prefix belong to libguestfs while it looks into an image: they do not exist for JimV. */
export function isHidden(name: string): boolean {
  return name.startsWith("guestfs-");
}

const reasons = {
  pausedStartingUp: 11, // VIR_DOMAIN_PAUSED_STARTING_UP
  shutoffCrashed: 3, // VIR_DOMAIN_SHUTOFF_CRASHED
  shutoffDaemon: 8, // VIR_DOMAIN_SHUTOFF_DAEMON: QEMU was gone when libvirtd came back
} as const;

/** virDomainState and its reason, folded to ours. */
export function stateOf(state: number, reason: number): DomainState {
  switch (state) {
    case 3: // PAUSED: QEMU is always started paused; that moment is part of running, not of a pause
      return reason === reasons.pausedStartingUp ? "running" : "paused";
    case 7: // PMSUSPENDED
      return "paused";
    case 4: // SHUTDOWN
      return "stopping";
    case 5: // SHUTOFF
      return reason === reasons.shutoffCrashed || reason === reasons.shutoffDaemon ? "crashed" : "off";
    case 6: // CRASHED
      return "crashed";
    default: // NOSTATE, RUNNING, BLOCKED
      return "running";
  }
}

type Kind = DomainEvent["kind"];

/** virDomainEventType: the kind, and the state that follows unless its detail says otherwise. */
const lifecycle: Record<
  number,
  { kind: Kind; state: DomainState | null; details?: Record<number, DomainState> }
> = {
  0: { kind: "defined", state: null },
  1: { kind: "undefined", state: null },
  2: { kind: "started", state: "running" },
  3: { kind: "suspended", state: "paused" },
  4: { kind: "resumed", state: "running" },
  // 2 STOPPED_CRASHED: the guest panicked; 5 STOPPED_FAILED: QEMU ended without saying goodbye.
  5: { kind: "stopped", state: "off", details: { 2: "crashed", 5: "crashed" } },
  6: { kind: "shutdown", state: "stopping" },
  7: { kind: "suspended", state: "paused" }, // PMSUSPENDED
  8: { kind: "crashed", state: "crashed" },
};

const undefinedEvent = 1;
const undefinedRenamed = 1; // VIR_DOMAIN_EVENT_UNDEFINED_RENAMED

/**
 * Kind and following state of a lifecycle event; null for a type that this version does not know, and for the
 * first half of a renaming, which would look as if the domain were gone (the second half is `defined`).
 */
export function lifecycleOf(event: number, detail: number): { kind: Kind; state: DomainState | null } | null {
  const entry = lifecycle[event];
  if (!entry || (event === undefinedEvent && detail === undefinedRenamed)) return null;
  return { kind: entry.kind, state: entry.details?.[detail] ?? entry.state };
}
