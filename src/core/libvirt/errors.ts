/** What libvirt's error numbers (virErrorNumber, libvirt/virterror.h) mean in our words. */

import type { HypervisorErrorCode } from "./hypervisor.ts";

/** The virErrorNumbers that rules and tests name. */
export const virError = {
  invalidArg: 8,
  operationFailed: 9,
  noDomain: 42,
  noNetwork: 43,
  noStoragePool: 49,
  noStorageVolume: 50,
  operationInvalid: 55,
  noDomainSnapshot: 72,
  argumentUnsupported: 74,
} as const;

const byNumber: Record<number, HypervisorErrorCode> = {
  2: "noMemory", // NO_MEMORY
  3: "unsupported", // NO_SUPPORT
  4: "invalid", // UNKNOWN_HOST
  5: "unavailable", // NO_CONNECT
  6: "unavailable", // INVALID_CONN
  7: "notFound", // INVALID_DOMAIN
  8: "invalid", // INVALID_ARG
  21: "invalid", // NO_NAME
  22: "invalid", // NO_OS
  23: "invalid", // NO_DEVICE
  27: "invalid", // XML_ERROR
  28: "exists", // DOM_EXIST
  29: "denied", // OPERATION_DENIED
  35: "invalid", // XML_DETAIL
  37: "exists", // NETWORK_EXIST
  39: "unavailable", // RPC
  42: "notFound", // NO_DOMAIN
  43: "notFound", // NO_NETWORK
  44: "invalid", // INVALID_MAC
  45: "denied", // AUTH_FAILED
  49: "notFound", // NO_STORAGE_POOL
  50: "notFound", // NO_STORAGE_VOL
  55: "wrongState", // OPERATION_INVALID
  67: "unsupported", // CONFIG_UNSUPPORTED
  68: "timeout", // OPERATION_TIMEOUT: another job holds the domain
  72: "notFound", // NO_DOMAIN_SNAPSHOT
  74: "unsupported", // ARGUMENT_UNSUPPORTED
  78: "cancelled", // OPERATION_ABORTED
  79: "denied", // AUTH_CANCELLED
  80: "notFound", // NO_DOMAIN_METADATA
  82: "invalid", // OVERFLOW
  84: "unsupported", // OPERATION_UNSUPPORTED
  86: "agentSilent", // AGENT_UNRESPONSIVE
  87: "wrongState", // RESOURCE_BUSY
  88: "denied", // ACCESS_DENIED
  90: "exists", // STORAGE_VOL_EXIST
  92: "invalid", // XML_INVALID_SCHEMA
  94: "denied", // AUTH_UNAVAILABLE
  97: "agentSilent", // AGENT_UNSYNCED
};

/**
 * Reasons that come under a number as general as INTERNAL_ERROR (1), OPERATION_FAILED (9) or SYSTEM_ERROR (38).
 * QEMU's texts are always English (libvirt starts it with LC_ALL=C); libvirtd's follow its locale, so nothing
 * that matters for correctness rests on those alone. The first that fits holds.
 */
const byMessage: [RegExp, HypervisorErrorCode][] = [
  // A network's DHCP server can't have its address or port: nothing of a guest's VNC port.
  [/dnsmasq/i, "internal"],
  [/Address already in use|Failed to find an available port|failed to reserve port/i, "portInUse"],
  [/unable to connect to server at|Cannot recv data|End of file while reading data/i, "peerUnreachable"],
  [/No space left on device|Disk quota exceeded/i, "noSpace"],
  [/Cannot allocate memory|cannot set up guest memory/i, "noMemory"],
  [/already exists|already defined|already in use by|Storage source conflict/i, "exists"],
  [/No such file or directory|Cannot access storage file/i, "notFound"],
  [/Permission denied/i, "denied"],
  [/Command .* has (not been found|been disabled)|CommandNotFound|CommandDisabled/i, "unsupported"],
  [/agent .*not (connected|available)|guest agent is not/i, "agentSilent"],
];

/** Our code for a libvirt error: by its number, or by its text where the number says nothing. */
export function errorCodeOf(code: number, message: string): HypervisorErrorCode {
  const known = byNumber[code];
  if (known) return known;
  for (const [pattern, ours] of byMessage) if (pattern.test(message)) return ours;
  return "internal";
}
