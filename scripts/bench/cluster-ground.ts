/** The guests of the bench `cluster`: rows as if they had been made long ago, put straight into the store. */
import { insert, type NewRow, type Store, type Table } from "../../src/core/store/index.ts";
import { disks } from "../../src/plugins/disks/schema.ts";
import { guestInterfaces, guests } from "../../src/plugins/guests/schema.ts";

const rowsOfBatch = 500;
const remarks = ["", "", "team blue, until March", "数据库主机", "build machine; ask before it is stopped"];
const kinds = ["web", "db", "build", "mail", "Proxy"];

const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;
/** Guests on the first page of the list, the newest: those with the lowest numbers. */
export const firstPage = 50;
export const nodeName = (i: number): string => `node-${String(i).padStart(3, "0")}`;
export const guestName = (i: number): string => `${pick(kinds, i)}-${String(i).padStart(5, "0")}`;
const numbered = (prefix: string, i: number): string =>
  `${prefix}-0000-4000-8000-${String(i).padStart(12, "0")}`;
export const guestUuid = (i: number): string => numbered("aaaaaaaa", i);

function guestRow(i: number, nodeCount: number, now: number): NewRow<typeof guests> {
  const name = guestName(i);
  return {
    uuid: guestUuid(i),
    name,
    nameKey: name.toLowerCase(),
    remark: pick(remarks, i >> 3),
    remarkKey: pick(remarks, i >> 3),
    nodeName: nodeName(i % nodeCount),
    templateName: "Debian 12",
    state: "running",
    wantedState: "running",
    vcpus: 2,
    memoryMiB: 4096,
    osFamily: "linux",
    isWindows: false,
    init: "cloud-init",
    userName: "admin",
    passwordSealed: "x".repeat(120),
    initState: "done",
    vncPort: 15_900 + Math.floor(i / nodeCount),
    vncListen: "127.0.0.1",
    vncPasswordSealed: "x".repeat(80),
    hostname: name.toLowerCase(),
    observedState: "running",
    observedAt: now,
    observedIncarnation: 0,
    observedSequence: 0,
    startedAt: now,
    createdAt: now - i * 1000,
  };
}

const diskRow = (i: number, nodeCount: number, now: number): NewRow<typeof disks> => ({
  uuid: numbered("dddddddd", i),
  name: `disk-${i}`,
  poolId: "local",
  nodeName: nodeName(i % nodeCount),
  guestUuid: guestUuid(i),
  role: "system",
  sizeGiB: 20,
  path: `/var/lib/jimv/disks/${i}.qcow2`,
  format: "qcow2",
  target: "vda",
  state: "attached",
  writeBytes: 0,
  createdAt: now - i * 1000,
});

function interfaceRow(i: number): NewRow<typeof guestInterfaces> {
  const bytes = [i >> 16, (i >> 8) & 255, i & 255];
  return {
    mac: `52:54:00:${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`,
    guestUuid: guestUuid(i),
    position: 0,
    network: "jimv",
    addresses: [{ address: `192.168.${(i >> 8) & 255}.${i & 255}`, prefix: 24, source: "lease" }],
  };
}

async function fill<T extends Table>(
  store: Store,
  table: T,
  range: { from: number; to: number },
  row: (i: number) => NewRow<T>,
): Promise<void> {
  for (let first = range.from; first < range.to; first += rowsOfBatch) {
    const length = Math.min(rowsOfBatch, range.to - first);
    await store.batch([
      insert(
        table,
        Array.from({ length }, (_, i) => row(first + i)),
      ),
    ]);
  }
}

/** Adds the guests `from` to `to` with their disks and interfaces, spread over the nodes. */
export async function addGuests(
  store: Store,
  range: { from: number; to: number },
  nodeCount: number,
): Promise<void> {
  const now = Date.now();
  await fill(store, disks, range, (i) => diskRow(i, nodeCount, now));
  await fill(store, guestInterfaces, range, interfaceRow);
  await fill(store, guests, range, (i) => guestRow(i, nodeCount, now));
}
