/**
 * Random lives of a small cluster: people ask for things, machines and processes fail, all by one seed. In the
 * end everything is mended, and the world has to come to rest with nothing wrong; then everything is deleted,
 * and nothing may be left.
 */
import { type Disk, disks } from "../../src/plugins/disks/index.ts";
import { allows, type Guest, type PowerAction } from "../../src/plugins/guests/index.ts";
import { audit } from "./audit.ts";
import type { Point } from "./process.ts";
import { type Event, Player } from "./scenario.ts";
import { someone, World } from "./world.ts";

/** A small generator of numbers in [0, 1) with a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const powerActions = [
  "start",
  "shutdown",
  "reboot",
  "force-stop",
  "force-reboot",
  "pause",
  "resume",
] as const;
const names = ["ant", "bee", "cat"];
const diskNames = ["disk-1", "disk-2"];
const imagePath = "/images/debian.qcow2";
const mostEvents = 18;
const longestPauseMilliseconds = 6_000;
/** Points from now on among which a process may die. */
const mostPoints = 60;

class Life {
  private readonly random: () => number;
  readonly story: string[] = [];
  /** How many points from now a process dies, and which. */
  private doom: { left: number; event: Event } | null = null;

  constructor(
    seed: number,
    private readonly player: Player,
  ) {
    this.random = randomOf(seed);
  }

  private whole(most: number): number {
    return Math.floor(this.random() * most);
  }
  private one<T>(list: readonly T[]): T {
    const chosen = list[this.whole(list.length)];
    if (chosen === undefined) throw new Error("nothing to choose from");
    return chosen;
  }

  /** Mostly one that is there. */
  private guest(there: readonly Guest[]): Guest | null {
    return there.length > 0 && this.random() < 0.95 ? this.one(there) : null;
  }

  /** Mostly something that the guest's state allows. */
  private action(guest: Guest | null): PowerAction {
    const possible = guest ? powerActions.filter((action) => allows(guest.state, action)) : [];
    return this.one(possible.length > 0 && this.random() < 0.8 ? possible : powerActions);
  }

  private creation(): Event {
    const { random } = this;
    return {
      event: "create",
      with: {
        name: this.one(names),
        templateId: this.one(["cloud-init", "agent", "none", "none"]),
        quantity: random() < 0.25 ? 3 : 1,
        linked: random() < 0.3,
        start: random() < 0.7,
        ...(random() < 0.3 ? { dataDisks: [{ sizeGiB: 1 }] } : {}),
      },
    };
  }

  private death(): Event {
    const event = this.one(["killNode", "killController", "killBoth"] as const);
    return { event, againAfter: 200 + this.whole(8_000) };
  }

  private event(there: readonly Guest[], known: readonly Disk[]): Event {
    const chosen = this.guest(there);
    const guest = chosen?.name ?? this.one(names);
    const attached = known.filter((disk) => disk.role === "data" && disk.state === "attached");
    const idle = known.filter((disk) => disk.state === "idle");
    const diskOf = (some: readonly Disk[]): string =>
      some.length > 0 ? this.one(some).name : this.one(diskNames);
    const kinds: [weight: number, make: () => Event][] = [
      [8, () => this.creation()],
      [
        14,
        () => ({
          event: "act",
          guest,
          action: this.action(chosen),
        }),
      ],
      [4, () => ({ event: "delete", guest, force: this.random() < 0.7, keepDataDisks: this.random() < 0.5 })],
      [
        2,
        () => ({
          event: "change",
          guest,
          with: this.one([{ vcpus: 2 }, { memoryMiB: 768 }, { name: this.one(names) }]),
        }),
      ],
      [2, () => ({ event: "cancel", guest })],
      [1, () => ({ event: "retryInit", guest })],
      [1, () => ({ event: "createDisk", name: this.one(diskNames) })],
      [2, () => ({ event: "attachDisk", name: diskOf(idle), guest })],
      [2, () => ({ event: "detachDisk", name: diskOf(attached) })],
      [1, () => ({ event: "deleteDisk", name: diskOf(idle) })],
      [4, () => this.death()],
      [2, () => ({ event: "libvirt", state: "down", upAfter: 50 + this.whole(8_000) })],
      [1, () => ({ event: "libvirt", state: "hung", upAfter: 50 + this.whole(30_000) })],
      [2, () => ({ event: "roadAway", backAfter: 50 + this.whole(20_000) })],
      [
        4,
        () => ({
          event: "fail",
          call: this.one([
            "info",
            "copy",
            "link",
            "create",
            "write",
            "define",
            "start",
            "undefine",
            "remove",
            "destroy",
            "domain",
            "domains",
            "setUserPassword",
            "reshape",
            "attachDisk",
          ]),
          code: this.one(["internal", "noSpace", "unavailable", "timeout", "portInUse", "wrongState"]),
          times: 1 + this.whole(2),
        }),
      ],
      [3, () => ({ event: this.one(["crash", "pullPlug", "undefineBehind"]), guest })],
      [1, () => ({ event: "foreignPort", port: 15_900 + this.whole(3) })],
      [1, () => ({ event: "removeImage" })],
      [2, () => ({ event: "replayReports" })],
    ];
    let left = this.random() * kinds.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, make] of kinds) {
      left -= weight;
      if (left < 0) return make();
    }
    return { event: "replayReports" };
  }

  private tell(event: Event, when: string): void {
    this.story.push(`${when} ${JSON.stringify(event)}`);
  }

  /** Called at every point of every process. */
  fate(point: Point): Error | null {
    if (this.doom && this.doom.left-- <= 0) {
      const { event } = this.doom;
      this.doom = null;
      this.tell(event, `at ${point.process} ${point.phase} ${point.what}`);
      this.player.happen(event);
    }
    return this.player.fate(point);
  }

  async live(): Promise<void> {
    const { world } = this.player;
    const events = 4 + this.whole(mostEvents - 3);
    for (let count = 0; count < events; count++) {
      if (this.random() < 0.3) this.doom = { left: this.whole(mostPoints), event: this.death() };
      const known = await world.store.select(disks, { where: "all" });
      const event = count === 0 ? this.creation() : this.event(await world.guests(), known);
      this.tell(event, `+${Math.round(world.clock.now() % 1e7)}`);
      this.player.happen(event);
      const pause = this.random() < 0.4 ? this.whole(20) : this.whole(longestPauseMilliseconds);
      await world.clock.advance(pause);
    }
    this.doom = null;
  }
}

/** Lives one life. What was wrong at its end, with the story that led there. */
export async function randomLife(seed: number): Promise<{ wrong: string[]; story: string[]; log: string[] }> {
  const random = randomOf(~seed);
  const pace = {
    callMilliseconds: 1 + Math.floor(random() * 40),
    copyMilliseconds: 100 + Math.floor(random() * 2_000),
  };
  const world = await World.start({ pace });
  const player = new Player(world);
  const life = new Life(seed, player);
  try {
    player.prepare({ vncPorts: { first: 15_900, last: 15_907 } });
    world.fate = (point) => life.fate(point);
    await life.live();
    mend(world);
    const wrong = await player.comeToRest();
    if (wrong.length === 0) wrong.push(...(await clearedOut(world, player)));
    return { wrong, story: [...life.story, ...player.answers], log: world.lines };
  } finally {
    await world.stop();
  }
}

function mend(world: World): void {
  const machine = world.machine();
  machine.foreignPorts.clear();
  if (!machine.files.has(imagePath)) machine.addImage(imagePath, 500, 2);
}

/** Deletes everything. What is wrong afterwards, what is left included. */
async function clearedOut(world: World, player: Player): Promise<string[]> {
  const before = player.answers.length;
  world.fate = () => null;
  for (const guest of await world.guests())
    await world.guestService.remove(guest.uuid, { force: true, keepDataDisks: false }, someone);
  const wrong = await player.comeToRest();
  for (const disk of await world.store.select(disks, { where: "all" }))
    await world.diskService.remove(disk.uuid, someone);
  wrong.push(...(await player.comeToRest()), ...player.answers.slice(before));
  const machine = world.machine();
  if ((await world.guests()).length > 0) wrong.push("guests are left after all were deleted");
  if ((await world.store.count(disks)) > 0) wrong.push("disks are left after all were deleted");
  for (const path of machine.files.keys())
    if (path !== imagePath) wrong.push(`file ${path} is left after all was deleted`);
  for (const domain of machine.domains.values())
    wrong.push(`domain ${domain.spec.name} is left after all was deleted`);
  wrong.push(...(await audit(world)));
  return wrong;
}
