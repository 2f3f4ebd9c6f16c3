/** Each thing that can be wrong is planted alone into a world that is right, and found alone. */
import { describe, expect, test } from "bun:test";
import type { Task } from "jimv";
import type { Disk } from "../disks/index.ts";
import type { Guest } from "../guests/index.ts";
import { type Facts, findings, type Look } from "./findings.ts";
import { auditWords } from "./words.ts";

const uuid = (digit: string): string => `${digit.repeat(8)}-1111-4111-8111-111111111111`;
const mac = "52:54:00:00:00:01";
const diskPath = `/disks/${uuid("d")}.qcow2`;
const seedPath = `/disks/${uuid("a")}.seed.iso`;
const now = 1_000_000_000;

/** A world in which all is well: one guest on one of two nodes, with a disk, a seed and an interface. */
function makeWorld() {
  const guest = {
    uuid: uuid("a"),
    name: "web",
    nodeName: "one",
    state: "running",
    failedWord: null,
    vcpus: 1,
    memoryMiB: 512,
    vncPort: 15900,
    seedPath,
    movesTo: null,
    movesToPort: null,
  } as Guest;
  const disk = {
    uuid: uuid("d"),
    name: "web-system",
    nodeName: "one",
    guestUuid: guest.uuid,
    path: diskPath,
    target: "vda",
    state: "attached",
  } as Disk;
  const domain: Look["domains"][number] = {
    uuid: guest.uuid,
    name: "web",
    state: "running",
    isOurs: true,
    vcpus: 1,
    memoryMiB: 512,
    files: [diskPath, seedPath],
    images: [],
    macs: [mac],
    vncPort: 15900,
  };
  const one: Look = {
    domains: [domain],
    files: [
      { path: diskPath, inode: "1" },
      { path: seedPath, inode: "2" },
      { path: "/disks/somebody's own.iso", inode: "3" },
    ],
    closed: [],
  };
  const two: Look = { domains: [], files: [], closed: [] };
  const task = {
    id: "t1",
    kind: "guests.start",
    nodeName: "one",
    targetKey: guest.uuid,
    targetName: "web",
    state: "succeeded",
    exclusiveKey: null,
    leftovers: false,
    errorWord: null,
    deadlineAt: now + 1000,
    endedAt: now as number | null,
  } as Task;
  const facts = {
    now,
    tasks: [task],
    guests: [guest],
    interfaces: [{ mac, guestUuid: guest.uuid, position: 0, network: "jimv", bridge: null, addresses: null }],
    disks: [disk],
    ends: new Map([["t1", 1]]),
    ports: [],
    looks: new Map([
      ["one", one],
      ["two", two],
    ]),
  } satisfies Facts;
  return { facts, guest, disk, domain, one, two, task };
}
type World = ReturnType<typeof makeWorld>;

const planted: Record<string, [word: string, plant: (world: World) => unknown][]> = {
  "a task": [
    [
      "audit.task.overdue",
      // Even then the rest is left to the task.
      ({ task, guest }) => [
        Object.assign(task, { endedAt: null, state: "running", deadlineAt: 0 }),
        Object.assign(guest, { state: "starting" }),
      ],
    ],
    ["audit.task.twice", ({ facts }) => (facts as { ends: Map<string, number> }).ends.set("t1", 2)],
    ["audit.task.holds", ({ task }) => Object.assign(task, { exclusiveKey: "guest:1" })],
    ["audit.task.leftovers", ({ task }) => Object.assign(task, { leftovers: true })],
    ["audit.task.noReason", ({ task }) => Object.assign(task, { state: "failed" })],
  ],
  "a guest": [
    ["audit.guest.stuck", ({ guest }) => Object.assign(guest, { state: "migrating" })],
    ["audit.guest.noDomain", ({ one }) => Object.assign(one, { domains: [] })],
    [
      "audit.guest.elsewhere",
      ({ one, two, domain }) => {
        one.domains = [];
        two.domains = [domain];
      },
    ],
    ["audit.guest.twice", ({ two, domain }) => Object.assign(two, { domains: [domain] })],
    ["audit.guest.state", ({ domain }) => Object.assign(domain, { state: "off" })],
    ["audit.guest.size", ({ domain }) => Object.assign(domain, { memoryMiB: 1024 })],
    ["audit.guest.port", ({ domain }) => Object.assign(domain, { vncPort: 15901 })],
    ["audit.guest.interfaces", ({ domain }) => Object.assign(domain, { macs: [] })],
    ["audit.guest.disks", ({ domain }) => domain.files.push("/elsewhere/other.qcow2")],
    ["audit.guest.seed", ({ one }) => one.files.splice(1, 1)],
    [
      "audit.domain.orphan",
      ({ two, domain }) => Object.assign(two, { domains: [{ ...domain, uuid: uuid("b"), name: "lost" }] }),
    ],
  ],
  "a disk or an address": [
    [
      "audit.port.nobody",
      ({ facts }) => (facts.ports as unknown[]).push({ node: "two", port: 49_152, task: "t1" }),
    ],
    ["audit.disk.stuck", ({ disk }) => Object.assign(disk, { state: "growing" })],
    ["audit.disk.noFile", ({ one }) => one.files.shift()],
    ["audit.disk.owner", ({ disk }) => Object.assign(disk, { state: "idle" })],
    [
      "audit.interface.nobody",
      ({ facts }) =>
        facts.interfaces.push({
          mac: "52:54:00:00:00:02",
          guestUuid: uuid("e"),
          position: 0,
          network: "jimv",
          bridge: null,
          addresses: null,
        }),
    ],
    ["audit.file.nobody", ({ two }) => two.files.push({ path: `/disks/${uuid("e")}.qcow2`, inode: "9" })],
    ["audit.file.copy", ({ two }) => two.files.push({ path: diskPath, inode: "9" })],
  ],
};

test("nothing is found where all is well", () => {
  expect(findings(makeWorld().facts)).toEqual([]);
});

for (const [what, cases] of Object.entries(planted))
  describe(`what is wrong with ${what}`, () => {
    for (const [word, plant] of cases)
      test(word, () => {
        const world = makeWorld();
        plant(world);
        const found = findings(world.facts);
        expect(found.map((finding) => finding.word)).toEqual([word]);
        for (const language of ["en", "zh-CN"] as const)
          for (const { args } of found)
            expect(auditWords.say(language, word as (typeof auditWords.keys)[number], args)).not.toMatch(
              /[{}]/,
            );
      });
  });

test("every word of a finding is tried here", () => {
  const tried = Object.values(planted).flatMap((cases) => cases.map(([word]) => word));
  const known = auditWords.keys.filter((key) =>
    /^audit\.(task|guest|domain|disk|interface|port|file)\./.test(key),
  );
  expect(tried.sort()).toEqual(known.sort());
});

test("a port that is held for a guest which stays is found, one for a guest that comes is not", () => {
  const { facts, guest } = makeWorld();
  Object.assign(guest, { movesTo: "two", movesToPort: 15_901 });
  expect(findings(facts).map(({ word }) => word)).toEqual(["audit.port.nobody"]);
  Object.assign(guest, { state: "migrating" });
  expect(findings(facts).map(({ word }) => word)).not.toContain("audit.port.nobody");
});

test("a file that another node shares with its owner is one file", () => {
  const { facts, two } = makeWorld();
  two.files.push({ path: diskPath, inode: "1" });
  expect(findings(facts)).toEqual([]);
});

test("nothing is said of what a task has its hand on, or of a node that was not asked", () => {
  const { facts, task, guest, domain, one, disk } = makeWorld();
  Object.assign(task, { endedAt: null, state: "running" });
  guest.state = "deleting";
  disk.state = "deleting";
  domain.state = "off";
  one.files = [];
  expect(findings(facts)).toEqual([]);
  const other = makeWorld();
  other.facts.looks.delete("one");
  expect(findings(other.facts)).toEqual([]);
});

test("an image in Ceph is one image for all its nodes, and is missed, left over and counted as a file is", () => {
  const inCeph = () => {
    const world = makeWorld();
    const path = `rbd:jimv-pool-1/${uuid("d")}`;
    world.disk.path = path;
    Object.assign(world.domain, { files: [seedPath], images: [uuid("d")] });
    world.one.files[0] = { path, inode: path };
    world.two.files.push({ path, inode: path });
    return { ...world, path };
  };
  const wordsOf = ({ facts }: World) => findings(facts).map(({ word }) => word);
  expect(wordsOf(inCeph())).toEqual([]);
  const gone = inCeph();
  gone.one.files.shift();
  gone.two.files = [];
  expect(wordsOf(gone)).toEqual(["audit.disk.noFile"]);
  const closed = inCeph();
  closed.one.files.shift();
  closed.two.files = [];
  closed.one.closed = ["rbd:jimv-pool-1"];
  expect(wordsOf(closed)).toEqual([]);
  const left = inCeph();
  left.two.files.push({ path: `rbd:jimv-pool-1/${uuid("e")}`, inode: "-" });
  expect(wordsOf(left)).toEqual(["audit.file.nobody"]);
  const unplugged = inCeph();
  unplugged.domain.images = [];
  expect(wordsOf(unplugged)).toEqual(["audit.guest.disks"]);
});

test("a folder that can't be read says nothing of its files", () => {
  const { facts, one } = makeWorld();
  one.files = [];
  one.closed = ["/disks"];
  expect(findings(facts)).toEqual([]);
});
