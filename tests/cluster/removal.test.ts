/**
 * An offline node is removed with guests on it, and its machine returns: what was kept is there again, what was taken
 * off the books is seen and left alone. With the real executable; the domains are those of libvirt's test driver.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addGuests, guestName, guestUuid, nodeName } from "../../scripts/bench/cluster-ground.ts";
import { guestNamespace } from "../../src/core/libvirt/domain-xml.ts";
import { eq, openStore, type Store, update } from "../../src/core/store/index.ts";
import { disks } from "../../src/plugins/disks/schema.ts";
import { guests } from "../../src/plugins/guests/schema.ts";
import { until } from "../support/app.ts";
import { Cluster, type ClusterController } from "../support/cluster.ts";

const patience = 120_000;
const works = /works for cluster/;
const name = nodeName(0);
/** One is kept, one taken off the books with its node, and one later, when its node had long been removed. */
const [kept, forgotten, later] = [0, 1, 2] as const;
const foreign = "ffffffff-0000-4000-8000-000000000001";

let cluster: Cluster;
let controller: ClusterController;
let store: Store;

beforeAll(async () => {
  ({ cluster, controller } = await Cluster.open());
  store = await openStore(cluster.database);
}, patience);
afterAll(async () => {
  await store?.close();
  await cluster?.close();
}, patience);

const domain = (uuid: string, title: string, clusterId: string | null): string =>
  `<domain type="test"><name>${title}</name><uuid>${uuid}</uuid>` +
  (clusterId
    ? `<metadata><j:guest xmlns:j="${guestNamespace}"><j:cluster>${clusterId}</j:cluster></j:guest></metadata>`
    : "") +
  `<memory unit="MiB">4096</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>`;

/** All that the cluster knows of the node's domains that are no guests: kinds by name. */
async function strangers(): Promise<Record<string, string>> {
  const { items } = await controller.ask<{ items: { name: string; kind: string }[] }>(
    "GET",
    `/foreign-domains?nodeName=${name}`,
  );
  return Object.fromEntries(items.map((one) => [one.name, one.kind]));
}
const rowOf = (i: number) => store.first(guests, { where: eq(guests.uuid, guestUuid(i)) });
const disksOf = (i: number) => store.select(disks, { where: eq(disks.guestUuid, guestUuid(i)) });
const pageOf = async (): Promise<string> => {
  const signIn = await fetch(`${controller.url}/api/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(cluster.person),
  });
  const cookie = signIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const answer = await fetch(`${controller.url}/nodes`, { headers: { cookie } });
  return answer.text();
};

test(
  "what hangs on a removed node is settled as chosen, and its machine returns to exactly that",
  async () => {
    const first = cluster.node(name);
    const joining = async () => [
      "--join",
      controller.url,
      "--token-file",
      cluster.tokenFile(await controller.joinToken()),
    ];
    expect(await first.start(works, await joining())).not.toBeNull();
    await first.stop();
    const membership = readFileSync(join(cluster.folder, name, "membership.json"), "utf8");
    const { clusterId } = JSON.parse(membership) as { clusterId: string };
    const domains = join(cluster.folder, "domains.xml");
    const all = [
      domain(guestUuid(kept), guestName(kept), clusterId),
      domain(guestUuid(forgotten), guestName(forgotten), clusterId),
      domain(guestUuid(later), guestName(later), clusterId),
      domain(foreign, "somebody-else", null),
    ];
    writeFileSync(domains, `<node>${all.join("")}</node>`);
    await addGuests(store, { from: 0, to: 3 }, 1);
    await store.run(update(guests, { observedState: null, observedAt: null }, eq(guests.nodeName, name)));
    const machine = cluster.node(name, { domains });
    expect(await machine.start(works)).not.toBeNull();
    await until("its domains are known", patience, async () => {
      const rows = await Promise.all([rowOf(kept), rowOf(forgotten)]);
      return rows.every((row) => (row?.observedSequence ?? 0) > 0) && "somebody-else" in (await strangers());
    });
    expect(await strangers()).toEqual({ "somebody-else": "foreign" });
    const before = { row: await rowOf(kept), disks: await disksOf(kept) };

    await machine.stop("SIGKILL");
    await controller.nodeIs(name, "offline");
    // Listed first: each guest with its disks, and nothing is removed by looking.
    const list = await controller.ask<{ belongings: { key: string; parts: { name: string }[] }[] }>(
      "GET",
      `/nodes/${name}/belongings`,
    );
    expect(list.belongings.map(({ key, parts }) => [key, parts.map((part) => part.name)]).sort()).toEqual([
      [`guest:${guestUuid(kept)}`, ["disk-0"]],
      [`guest:${guestUuid(forgotten)}`, ["disk-1"]],
      [`guest:${guestUuid(later)}`, ["disk-2"]],
    ]);
    const key = (i: number): string => `guest:${guestUuid(i)}`;
    const fates = { [key(kept)]: "keep", [key(forgotten)]: "forget", [key(later)]: "keep" };
    const some = { [key(kept)]: "keep" };
    expect((await controller.api("POST", `/nodes/${name}/remove`, { fates: some })).status).toBe(409);
    await controller.ask("POST", `/nodes/${name}/remove`, { fates });

    expect((await controller.api("GET", `/nodes/${name}`)).status).toBe(404);
    expect(await rowOf(forgotten)).toBeNull();
    expect(await disksOf(forgotten)).toEqual([]);
    expect(await disksOf(kept)).toEqual(before.disks);
    // What was only seen there is not shown of a node that is no more.
    expect(await strangers()).toEqual({});
    const shown = await controller.ask<{ state: string; shown?: string }>(
      "GET",
      `/guests/${guestUuid(kept)}`,
    );
    expect(JSON.stringify(shown)).toContain("unknown");
    const start = await controller.api<{ detail: string }>("POST", `/guests/${guestUuid(kept)}/force-stop`);
    expect(start.status).toBe(409);
    expect(start.body.detail).toContain(`Node ${name} was removed`);
    expect(await pageOf()).toContain(`Node ${name} was removed`);

    // Decided anew about what waits for it.
    const anew = { [key(kept)]: "keep", [key(later)]: "forget" };
    expect((await controller.api("POST", `/nodes/${name}/remove`, { fates })).status).toBe(409);
    await controller.ask("POST", `/nodes/${name}/remove`, { fates: anew });
    expect([await rowOf(later), await disksOf(later)]).toEqual([null, []]);
    expect(await disksOf(kept)).toEqual(before.disks);

    const again = cluster.node(name, { domains });
    expect(await again.start(works, await joining())).not.toBeNull();
    await controller.nodeIs(name, "live");
    await until("all its domains are known again", patience, async () => {
      return Object.keys(await strangers()).length === 3;
    });
    // Taken off the books: an orphan that nobody touches. Kept: as it was.
    expect(await strangers()).toEqual({
      "somebody-else": "foreign",
      [guestName(forgotten)]: "orphan",
      [guestName(later)]: "orphan",
    });
    const now = await rowOf(kept);
    for (const same of ["name", "nodeName", "state", "vncPort", "vcpus", "memoryMiB", "seedPath"] as const)
      expect(now?.[same]).toEqual(before.row?.[same]);
    expect(await disksOf(kept)).toEqual(before.disks);
    expect(await rowOf(forgotten)).toBeNull();
    expect(await pageOf()).not.toContain(`Node ${name} was removed`);
    const { items } = await controller.ask<{ items: { kind: string }[] }>("GET", "/tasks");
    // Nothing was asked of the machine.
    expect(items).toEqual([]);
    await again.stop("SIGKILL");
  },
  patience * 2,
);
