/** Rules on a template's path and sizes that need no look at the file. */
import { normalize } from "node:path/posix";
import { isInSystem } from "../nodes/index.ts";

const longestPath = 1024;
const gib = 1024 ** 3;

export type PathRefusal =
  | "templates.path.absolute"
  | "templates.path.plain"
  | "templates.path.system"
  | "templates.path.storage";

/** The word for what is wrong with a path as such, or null. `storagePath` is the node's folder of guests' disks. */
export function refusedPath(path: string, storagePath: string | null = null): PathRefusal | null {
  if (!path.startsWith("/")) return "templates.path.absolute";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
  if (/[\u0000-\u001f\u007f]/.test(path) || path.length > longestPath) return "templates.path.plain";
  if (normalize(path) !== path || path.endsWith("/")) return "templates.path.plain";
  // Whoever could register /etc/shadow could read it in a guest.
  if (isInSystem(path)) return "templates.path.system";
  if (
    storagePath !== null &&
    path.startsWith(`${storagePath}/`) &&
    !path.startsWith(templateFolder(storagePath))
  )
    return "templates.path.storage";
  return null;
}

/** Where a pool keeps templates, apart from guests' disks. */
export const templateFolder = (poolPath: string): string => `${poolPath}/templates/`;

/** The whole GiB that hold so many bytes, at least 1. */
export const wholeGiB = (bytes: number): number => Math.max(1, Math.ceil(bytes / gib));

/** The key by which names are unique. */
export const nameKeyOf = (name: string): string => name.normalize("NFC").toLowerCase();
