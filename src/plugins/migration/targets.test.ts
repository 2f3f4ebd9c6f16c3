import { describe, expect, test } from "bun:test";
import { pretendedNode } from "../../../tests/world/plugins.ts";
import type { MovingGuest } from "../guests/index.ts";
import type { MovableNode } from "./needs.ts";
import { fileThere, isOlder, type PoolsThere, type PoolThere, refusalOf } from "./targets.ts";

const bytesPerGiB = 1024 ** 3;
const poolThere = (change: Partial<PoolThere> = {}): PoolsThere =>
  new Map([
    [
      "local",
      {
        present: true,
        shared: false,
        trusted: false,
        path: "/storage",
        problem: null,
        libvirtName: "jimv",
        room: "local@there",
        availableBytes: 100 * bytesPerGiB,
        ...change,
      },
    ],
  ]);
const pools = poolThere();
const here = pretendedNode("here");
const there = pretendedNode("there");

function guest(change: { state?: string; linked?: boolean; bridge?: string } = {}): MovingGuest {
  return {
    guest: { name: "web", state: change.state ?? "running" },
    disks: [
      {
        name: "web",
        path: "/storage/a.qcow2",
        poolId: "local",
        sizeGiB: 4,
        linkedTemplateId: change.linked ? "t" : null,
      },
    ],
    interfaces: [{ network: change.bridge ? null : "jimv", bridge: change.bridge ?? null }],
  } as unknown as MovingGuest;
}

const facts = (change: Partial<NonNullable<MovableNode["facts"]>>): Partial<MovableNode> => ({
  facts: { ...(there.facts as NonNullable<MovableNode["facts"]>), ...change },
});
const acceleration = (change: Partial<NonNullable<MovableNode["facts"]>["acceleration"]>) => {
  const all = there.facts as NonNullable<MovableNode["facts"]>;
  return facts({ acceleration: { ...all.acceleration, ...change } });
};

test("an equal node takes the guest", () => {
  expect(refusalOf(guest(), here, there, pools)).toBeNull();
});

describe("a node is refused", () => {
  test.each([
    ["same", { name: "here" }],
    ["address", { managementAddress: null }],
    ["sameAddress", { managementAddress: here.managementAddress }],
    ["facts", { facts: null }],
    ["sameHostname", facts({ hostname: "here" })],
    ["arch", acceleration({ arch: "aarch64" })],
    ["acceleration", acceleration({ virtType: "qemu" })],
    ["emulator", acceleration({ emulator: "/usr/libexec/qemu-kvm" })],
    ["olderQemu", facts({ qemuVersion: "6.9.9" })],
    ["network", { networks: [{ name: "jimv", active: false }] }],
  ] satisfies [string, Partial<MovableNode>][])("%s", (word, change) => {
    expect(refusalOf(guest(), here, { ...there, ...change }, pools)?.word).toBe(`migration.no.${word}`);
  });

  test("without the guest's bridge", () => {
    expect(refusalOf(guest({ bridge: "br0" }), here, there, pools)?.word).toBe("migration.no.bridge");
    expect(refusalOf(guest({ bridge: "br0" }), here, { ...there, bridges: ["br0"] }, pools)).toBeNull();
  });

  test("for a linked disk of a guest that is off, but not while it runs or where the storage is shared", () => {
    const shared = poolThere({ shared: true });
    expect(refusalOf(guest({ state: "off", linked: true }), here, there, pools)?.word).toBe(
      "migration.no.linked",
    );
    expect(refusalOf(guest({ linked: true }), here, there, pools)).toBeNull();
    expect(refusalOf(guest({ state: "off", linked: true }), here, there, shared)).toBeNull();
  });

  test("where the pool is not, or has no room for a copy", () => {
    const problem = { word: "pools.notOnNode", args: {} };
    expect(refusalOf(guest(), here, there, poolThere({ present: false, problem }))?.word).toBe(problem.word);
    expect(refusalOf(guest(), here, there, new Map())?.word).toBe("migration.no.pool");
    const full = { availableBytes: 3 * bytesPerGiB };
    expect(refusalOf(guest(), here, there, poolThere(full))?.word).toBe("migration.no.space");
    expect(refusalOf(guest(), here, there, poolThere({ ...full, shared: true }))).toBeNull();
  });

  test("not for an older QEMU when the guest is off", () => {
    const older = { ...there, ...facts({ qemuVersion: "6.9.9" }) };
    expect(refusalOf(guest({ state: "off" }), here, older, pools)).toBeNull();
  });
});

test.each([
  ["is copied into the other node's pool", { path: "/data" }, { to: "/data/a.qcow2", copy: true }],
  ["stays where both nodes see it", { shared: true }, { to: "/storage/a.qcow2", copy: false }],
  [
    "is found where the other node has it mounted",
    { shared: true, path: "/mnt/" },
    { to: "/mnt/a.qcow2", copy: false },
  ],
])("a file %s", (_, pool, expected) => {
  const path = "/storage/a.qcow2";
  expect(fileThere(path, poolThere(pool).get("local"))).toEqual({ path, pool: "jimv", ...expected });
});

test.each([
  ["7.2.0", "7.2.0", false],
  ["7.2.9", "7.10.0", true],
  ["8.0.0", "7.99.99", false],
])("QEMU %s is older than %s: %p", (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});
