/** What the statistics remember from round to round must never be told of another domain. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { openHypervisor, type RealHypervisor } from "./real.ts";

setDefaultTimeout(30_000); // starting threads takes long on a busy machine

let hypervisor: RealHypervisor;
beforeAll(async () => {
  hypervisor = await openHypervisor({ uri: "test:///default" });
});
afterAll(() => hypervisor.close());

async function define(name: string): Promise<string> {
  const uuid = crypto.randomUUID();
  await hypervisor.define({
    uuid,
    name,
    clusterId: "stats",
    memoryMiB: 64,
    vcpus: 1,
    clock: "utc",
    disks: [],
    seedPath: null,
    interfaces: [],
    vnc: { port: 15_900, listen: "127.0.0.1", password: "secret" },
  });
  return uuid;
}

/** Uuid, name and whether it runs, as the statistics and as the list of domains tell it. */
async function both(): Promise<[string[], string[]]> {
  const stats = await hypervisor.stats();
  const domains = await hypervisor.domains();
  return [
    stats.map(({ uuid, name, values }) => `${uuid} ${name} ${values["state.state"] === 1}`).sort(),
    domains.map(({ uuid, name, state }) => `${uuid} ${name} ${state === "running"}`).sort(),
  ];
}

test("each domain's figures carry its own uuid and name, while domains come, start and go", async () => {
  const uuids = await Promise.all(["stats-a", "stats-b", "stats-c", "stats-d"].map(define));
  const steps = [
    async () => undefined,
    async () => hypervisor.start(uuids[2] ?? ""),
    async () => hypervisor.undefine(uuids[0] ?? ""),
    async () => void uuids.push(await define("stats-e")),
    async () => hypervisor.destroy(uuids[2] ?? ""),
  ];
  for (const step of steps) {
    await step();
    const [told, listed] = await both();
    expect(told).toEqual(listed);
    expect(told.length).toBeGreaterThanOrEqual(4);
  }
  for (const uuid of uuids.slice(1)) await hypervisor.undefine(uuid);
  expect(hypervisor.liveHandles()).toBe(0);
});
