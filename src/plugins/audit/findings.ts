/**
 * What must hold at any time of rest, as pure checks: every task ends, and the store, the nodes' domains and their
 * files tell the same story, with nothing left over that nobody owns. What a task has its hand on is left out.
 */
import { type ResultOf, type Row, type Task, timing } from "jimv";
import type { Disk } from "../disks/index.ts";
import type { Guest, GuestState, guestInterfaces } from "../guests/index.ts";
import type { lookTask } from "./tasks.ts";

export type Look = ResultOf<typeof lookTask>;
type Domain = Look["domains"][number];

/** A sentence about something that is wrong: a word key with arguments. */
export interface Finding {
  word: string;
  args: Record<string, string | number>;
}

export interface Facts {
  /** UTC milliseconds. */
  now: number;
  /** All open tasks, and ended ones that hold a key, have leftovers or failed without a reason. */
  tasks: readonly Task[];
  guests: readonly Guest[];
  interfaces: readonly Row<typeof guestInterfaces>[];
  disks: readonly Disk[];
  /** How often the end of each task was told, as far back as events are kept. */
  ends: ReadonlyMap<string, number>;
  /** Ports that are booked for guests that migrate, each by its task. */
  ports: readonly { node: string; port: number; task: string }[];
  /** By node. A node without one is not compared. */
  looks: ReadonlyMap<string, Look>;
}

/** States in which a guest must be as its domain is. */
const resting: readonly GuestState[] = ["off", "running", "paused", "crashed"];
/** JimV names its files, and its images in Ceph pools, by the uuid of what they belong to. */
const ownFile = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.|$)/;
/** Why a guest counts as failed although everything of it but the domain may still be there. */
const vanished = "guests.vanished";

/** Everything that is wrong; empty when all is well. */
export function findings(facts: Facts): Finding[] {
  const world = new World(facts);
  return [
    ...facts.tasks.flatMap((task) => taskFindings(task, facts.now)),
    ...facts.guests.filter((guest) => !world.busy.has(guest.uuid)).flatMap((guest) => world.guest(guest)),
    ...facts.disks.filter((disk) => !world.isBusy(disk)).flatMap((disk) => world.disk(disk)),
    ...world.left(),
    ...twice(facts),
    ...portFindings(facts),
  ];
}

/** A task's end is written once, together with what it changes: a second end would have changed that again. */
function twice({ ends }: Facts): Finding[] {
  return [...ends]
    .filter(([, times]) => times > 1)
    .map(([id, times]) => ({ word: "audit.task.twice", args: { id, times } }));
}

/** Ports that are held on nodes for guests that do not come. */
function portFindings({ ports, tasks, guests }: Facts): Finding[] {
  const open = new Set(tasks.flatMap((task) => (task.endedAt === null ? [task.id] : [])));
  const nobody = (port: number, node: string): Finding => ({
    word: "audit.port.nobody",
    args: { port: String(port), node },
  });
  return [
    ...ports.filter(({ task }) => !open.has(task)).map(({ port, node }) => nobody(port, node)),
    ...guests.flatMap(({ state, movesTo, movesToPort }) =>
      state !== "migrating" && movesTo !== null && movesToPort !== null ? [nobody(movesToPort, movesTo)] : [],
    ),
  ];
}

function taskFindings(task: Task, now: number): Finding[] {
  const { id, kind, nodeName: node, targetName: name } = task;
  const of = { id, kind, name };
  if (task.endedAt === null)
    return now > task.deadlineAt + timing.auditOverdueMilliseconds
      ? [{ word: "audit.task.overdue", args: of }]
      : [];
  const wrong: Finding[] = [];
  if (task.exclusiveKey !== null) wrong.push({ word: "audit.task.holds", args: of });
  if (task.leftovers) wrong.push({ word: "audit.task.leftovers", args: { ...of, node } });
  if (task.state === "failed" && task.errorWord === null)
    wrong.push({ word: "audit.task.noReason", args: of });
  return wrong;
}

class World {
  /** Keys of what open tasks are about. */
  readonly busy: ReadonlySet<string>;
  private readonly guests: ReadonlyMap<string, Guest>;
  /** Of each node, its files' inodes by path. */
  private readonly files: ReadonlyMap<string, ReadonlyMap<string, string>>;

  constructor(private readonly facts: Facts) {
    this.busy = new Set(facts.tasks.flatMap((task) => (task.endedAt === null ? [task.targetKey] : [])));
    this.guests = new Map(facts.guests.map((guest) => [guest.uuid, guest]));
    this.files = new Map(
      [...facts.looks].map(([node, look]) => [
        node,
        new Map(look.files.map((file) => [file.path, file.inode])),
      ]),
    );
  }

  isBusy(disk: Disk): boolean {
    return this.busy.has(disk.uuid) || (disk.guestUuid !== null && this.busy.has(disk.guestUuid));
  }

  guest(guest: Guest): Finding[] {
    const { name, state, nodeName: node } = guest;
    const of = { guest: name, node };
    const places = [...this.facts.looks].flatMap(([where, look]) =>
      look.domains.some((domain) => domain.uuid === guest.uuid) ? [where] : [],
    );
    if (places.length > 1)
      return [{ word: "audit.guest.twice", args: { ...of, nodes: places.sort().join(", ") } }];
    if (state === "failed") return [];
    if (!resting.includes(state)) return [{ word: "audit.guest.stuck", args: { guest: name, state } }];
    const look = this.facts.looks.get(node);
    if (!look) return [];
    const [place] = places;
    if (place === undefined) return [{ word: "audit.guest.noDomain", args: { ...of, state } }];
    if (place !== node) return [{ word: "audit.guest.elsewhere", args: { ...of, other: place } }];
    const domain = look.domains.find((each) => each.uuid === guest.uuid);
    return domain ? this.compare(guest, domain) : [];
  }

  private compare(guest: Guest, domain: Domain): Finding[] {
    const { name, nodeName: node, uuid } = guest;
    const of = { guest: name, node };
    const wrong: Finding[] = [];
    if (domain.state !== guest.state)
      wrong.push({ word: "audit.guest.state", args: { ...of, state: guest.state, domain: domain.state } });
    if (domain.vcpus !== guest.vcpus || domain.memoryMiB !== guest.memoryMiB) {
      const { vcpus, memoryMiB } = guest;
      wrong.push({ word: "audit.guest.size", args: { ...of, vcpus, memoryMiB } });
    }
    if (guest.vncPort !== domain.vncPort) {
      // As texts: ports are names, not amounts.
      const [port, other] = [guest.vncPort, domain.vncPort].map((each) => String(each ?? "–")) as [
        string,
        string,
      ];
      wrong.push({ word: "audit.guest.port", args: { ...of, port, domain: other } });
    }
    const macs = this.facts.interfaces.flatMap((each) => (each.guestUuid === uuid ? [each.mac] : []));
    for (const missing of differences(macs, domain.macs))
      wrong.push({ word: "audit.guest.interfaces", args: { ...of, missing } });
    const paths = this.facts.disks.flatMap((disk) => (disk.guestUuid === uuid ? [disk.path] : []));
    if (guest.seedPath !== null) paths.push(guest.seedPath);
    const isFile = (path: string): boolean => path.startsWith("/");
    // A definition names Ceph's own pool, a row libvirt's: the image's name is what both have.
    const images = paths.filter((path) => !isFile(path)).map(nameOf);
    for (const missing of [
      ...differences(paths.filter(isFile), domain.files),
      ...differences(images, domain.images),
    ])
      wrong.push({ word: "audit.guest.disks", args: { ...of, missing } });
    if (guest.seedPath !== null && this.isMissing(node, guest.seedPath))
      wrong.push({ word: "audit.guest.seed", args: { ...of, path: guest.seedPath } });
    return wrong;
  }

  /** Whether a node that was asked, and could read the file's folder, has no such file. */
  private isMissing(node: string, path: string): boolean {
    const look = this.facts.looks.get(node);
    if (!look || look.closed.includes(folderOf(path))) return false;
    return this.files.get(node)?.has(path) === false;
  }

  disk(disk: Disk): Finding[] {
    const { name, state, nodeName: node, path, guestUuid } = disk;
    const guest = guestUuid === null ? null : this.guests.get(guestUuid);
    // Of a failed guest anything may be left; deleting it removes what there is.
    if (state === "failed" || (guest?.state === "failed" && guest.failedWord !== vanished)) return [];
    if (state !== "idle" && state !== "attached")
      return [{ word: "audit.disk.stuck", args: { disk: name, state } }];
    const wrong: Finding[] = [];
    const belongs = guest !== null && guest !== undefined && disk.target !== null;
    if (belongs !== (state === "attached") || guest === undefined)
      wrong.push({
        word: "audit.disk.owner",
        args: { disk: name, state, guest: guest?.name ?? guestUuid ?? "–" },
      });
    if (this.isMissing(node, path))
      wrong.push({ word: "audit.disk.noFile", args: { disk: name, node, path } });
    return wrong;
  }

  /** What is there and nobody owns. */
  left(): Finding[] {
    const { facts, guests, busy } = this;
    const wrong: Finding[] = facts.interfaces
      .filter(({ guestUuid }) => !guests.has(guestUuid) && !busy.has(guestUuid))
      .map(({ mac, guestUuid }) => ({ word: "audit.interface.nobody", args: { mac, guest: guestUuid } }));
    const owners = new Map<string, string>([
      ...facts.disks.map((disk): [string, string] => [disk.path, disk.nodeName]),
      ...facts.guests.flatMap(({ seedPath, nodeName }): [string, string][] =>
        seedPath === null ? [] : [[seedPath, nodeName]],
      ),
    ]);
    for (const [node, look] of facts.looks) {
      for (const { uuid, name, isOurs } of look.domains)
        if (isOurs && !guests.has(uuid) && !busy.has(uuid))
          wrong.push({ word: "audit.domain.orphan", args: { domain: name, node } });
      for (const { path, inode } of look.files) {
        if (!ownFile.test(nameOf(path)) || busy.has(nameOf(path).slice(0, 36))) continue;
        const owner = owners.get(path);
        if (owner === undefined) wrong.push({ word: "audit.file.nobody", args: { path, node } });
        else if (owner !== node && !this.isShared(owner, path, inode))
          wrong.push({ word: "audit.file.copy", args: { path, node, owner } });
      }
    }
    return wrong;
  }

  /** Whether the owner sees the very same file; also when the owner could not be asked. */
  private isShared(owner: string, path: string, inode: string): boolean {
    const files = this.files.get(owner);
    return !files || files.get(path) === inode;
  }
}

/** What is in only one of both. */
function differences(some: readonly string[], others: readonly string[]): string[] {
  return [...some.filter((each) => !others.includes(each)), ...others.filter((each) => !some.includes(each))];
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
