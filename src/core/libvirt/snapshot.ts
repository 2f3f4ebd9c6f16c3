/** The snapshot object. Runs in call workers. */

import type { Pointer } from "bun:ffi";
import {
  borrowString,
  type Context,
  cString,
  eachOf,
  numberOf,
  out,
  outPointer,
  pointerOf,
  using,
} from "./call.ts";
import { withDomain } from "./domain.ts";
import { plainText, writeXml } from "./xml.ts";

/** Takes a snapshot. @throws HypervisorError notFound, exists, invalid */
export function create(context: Context, uuid: string, name: string): void {
  const { lib } = context;
  const xml = cString(writeXml({ domainsnapshot: { name: plainText(name, "The snapshot's name", 200) } }));
  withDomain(context, uuid, (domain) => {
    const snapshot = pointerOf(context, "take the snapshot", lib.virDomainSnapshotCreateXML(domain, xml, 0));
    using(snapshot, lib.virDomainSnapshotFree, () => undefined);
  });
}

/** Names of all snapshots of a domain. */
export function list(context: Context, uuid: string): string[] {
  const { lib } = context;
  return withDomain(context, uuid, (domain) => {
    const array = out(8);
    const count = numberOf(context, "list the snapshots", lib.virDomainListAllSnapshots(domain, array, 0));
    const names: string[] = [];
    eachOf(lib, outPointer(array), count, lib.virDomainSnapshotFree, (snapshot: Pointer) => {
      names.push(
        borrowString(pointerOf(context, "read a snapshot's name", lib.virDomainSnapshotGetName(snapshot))),
      );
    });
    return names;
  });
}

/** Deletes one snapshot. @throws HypervisorError notFound */
export function remove(context: Context, uuid: string, name: string): void {
  const { lib } = context;
  const nameText = cString(name);
  withDomain(context, uuid, (domain) => {
    const snapshot = pointerOf(
      context,
      `find the snapshot ${name}`,
      lib.virDomainSnapshotLookupByName(domain, nameText, 0),
    );
    using(snapshot, lib.virDomainSnapshotFree, () => {
      numberOf(context, "delete the snapshot", lib.virDomainSnapshotDelete(snapshot, 0));
    });
  });
}
