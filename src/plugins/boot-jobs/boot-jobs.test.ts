/** The rules of boot jobs, and that each is carried out once, on a real controller and node in a pretended world. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { AppError, eq, ne, remove, update } from "jimv";
import { GuestFiles, pretendedAppliance } from "../../../tests/world/appliance.ts";
import { pointText } from "../../../tests/world/process.ts";
import { someone, World } from "../../../tests/world/world.ts";
import { type Guest, guests } from "../guests/index.ts";
import { bootJobsService } from "./contract.ts";
import { bootJobsWith } from "./index.ts";
import { Queue } from "./queue.ts";
import type { CreateJob, RuleBody } from "./requests.ts";
import { type BootJob, bootJobs, queuedJobs } from "./schema.ts";
import { putSeeds, seeds } from "./seeds.ts";
import { Jobs } from "./service.ts";
import { BootJobSettings } from "./settings.ts";

const write = (path: string, content: string): RuleBody => ({ kind: "write", path, content });
const append = (path: string, content: string): RuleBody => ({ kind: "append", path, content });
const run = (content: string): RuleBody => ({ kind: "run", content });

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked;
    return "nothing";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [error.word, error.fields[0]?.path].filter((each) => each !== undefined).join(" ");
  }
}

/** A world with boot jobs, whose guests' files outlive its processes. */
async function worldWithJobs() {
  const files = new Map<string, GuestFiles>();
  const filesOf = (uuid: string): GuestFiles => {
    const known = files.get(uuid) ?? new GuestFiles();
    files.set(uuid, known);
    return known;
  };
  const world = await World.start({
    pace: { copyMilliseconds: 50 },
    plugins: (process) => [bootJobsWith(pretendedAppliance(process, filesOf))],
  });
  const jobs = new Jobs(
    {
      store: world.store,
      clock: world.clock,
      commit: (statements, events = []) => world.store.batch(statements, { events }),
    },
    () => ["HOSTNAME", "PASSWORD", "SSH-KEY"].map((name) => ({ name, label: name, value: () => null })),
  );
  // What comes along is looked at by a test of its own.
  await world.store.run(remove(bootJobs, ne(bootJobs.scope, "system")));
  const job = (rules: RuleBody[], more: Partial<CreateJob> = {}): Promise<BootJob> =>
    jobs.create({ name: crypto.randomUUID(), scope: "user", onFailure: "boot", rules, ...more });
  const guest = async (change: Parameters<World["create"]>[0] = {}): Promise<Guest> => {
    const made = await world.create({ name: "web", templateId: "none", start: false, ...change });
    await world.rest();
    return found(made.guests[0]?.uuid ?? "");
  };
  const found = async (uuid: string): Promise<Guest> => {
    const row = await world.store.first(guests, { where: eq(guests.uuid, uuid) });
    if (!row) throw new Error("no guest");
    return row;
  };
  const start = async (uuid: string): Promise<Guest> => {
    await world.guestService.act(uuid, "start", someone);
    await world.rest();
    return found(uuid);
  };
  const queue = (guest: Guest, ...wanted: BootJob[]): Promise<string[]> =>
    world.use(bootJobsService).queue(
      [guest.uuid],
      wanted.map(({ id }) => id),
      someone,
    );
  const queued = () => world.store.select(queuedJobs, { where: "all" });
  return { world, jobs, job, guest, found, start, queue, queued, filesOf };
}

describe("boot jobs", () => {
  let it: Awaited<ReturnType<typeof worldWithJobs>>;
  beforeEach(async () => {
    it = await worldWithJobs();
  });
  afterEach(() => it.world.stop());

  test("rules are checked when they are saved", async () => {
    const wrong = (rule: RuleBody) => refusal(it.job([write("/a", "ok"), rule]));
    expect(await wrong(write("/a", "{NOBODY}"))).toBe("boot-jobs.unknownVariable rules.1.content");
    expect(await wrong(write("/{NOBODY}", "x"))).toBe("boot-jobs.unknownVariable rules.1.path");
    expect(await wrong(run("echo '{PASSWORD}'"))).toBe("boot-jobs.singleQuotes rules.1.content");
    expect(await wrong({ kind: "write", content: "x" })).toBe("boot-jobs.pathNeeded rules.1.path");
    expect(await wrong({ kind: "run", content: "x", path: "/a" })).toBe("boot-jobs.pathUnused rules.1.path");
    expect(await wrong({ kind: "append", content: "x", path: "/a", mode: "600" })).toBe(
      "boot-jobs.modeUnused rules.1.mode",
    );
    expect(await it.jobs.list()).toEqual([]);
  });

  test("those that come along pass the checks of rules, and come once", async () => {
    const names = [
      "IP",
      "PREFIX",
      "NETMASK",
      "GATEWAY",
      "DNS1",
      "DNS2",
      "MAC",
      "HOSTNAME",
      "USER",
      "PASSWORD",
    ];
    const jobs = new Jobs({ ...it.world, commit: async () => {} }, () =>
      names.map((name) => ({ name, label: name, value: () => null })),
    );
    for (const { rules } of seeds) for (const rule of rules) jobs.checkRule(rule, "");
    await putSeeds(it.world);
    expect(await it.jobs.list()).toEqual([]);
    await it.world.store.run(remove(bootJobs, "all"));
    await putSeeds(it.world);
    expect((await it.jobs.list()).map(({ name }) => name).sort()).toEqual(
      seeds.map(({ name }) => name).sort(),
    );
  });

  test("names are unique, rules keep their order and move between jobs", async () => {
    const one = await it.job([write("/a", "1"), write("/b", "2"), write("/c", "3")], { name: "One" });
    const two = await it.job([write("/d", "4")], { name: "Two" });
    expect(await refusal(it.job([], { name: "oNE" }))).toBe("boot-jobs.nameTaken name");
    const order = async (id: string) => (await it.jobs.need(id)).rules.map(({ content }) => content).join("");
    const [a, b, c] = one.rules;
    await it.jobs.shiftRule(one.id, c?.id ?? "", -1);
    await it.jobs.shiftRule(one.id, a?.id ?? "", -1);
    expect(await order(one.id)).toBe("132");
    await it.jobs.moveRule(one.id, b?.id ?? "", two.id);
    expect([await order(one.id), await order(two.id)]).toEqual(["13", "42"]);
    expect(await refusal(it.jobs.moveRule(one.id, b?.id ?? "", two.id))).toBe("boot-jobs.noRule");
    await Promise.all(["x", "y", "z"].map((text) => it.jobs.putRule(two.id, null, write("/e", text))));
    expect((await order(two.id)).split("").sort().join("")).toBe("24xyz");
    await it.jobs.remove(one.id);
    expect((await it.jobs.list()).map(({ name }) => name)).toEqual(["Two"]);
  });

  test("they are carried out in order before the boot, in one launch, once", async () => {
    const guest = await it.guest({ templateId: "agent", password: "pa'ss \"$word" });
    const first = await it.job([
      write("/etc/hostname", "{HOSTNAME}\n"),
      append("/etc/hosts", "10.0.0.1 a\n"),
    ]);
    const second = await it.job([run("echo {PASSWORD} >/x"), append("/etc/hosts", "10.0.0.2 b\n")]);
    await it.queue(guest, first, second);
    await expect(it.queue(guest, second)).rejects.toMatchObject({
      word: "boot-jobs.queuedAlready",
      args: { job: second.name, guest: "web" },
    });
    expect(await refusal(it.jobs.remove(first.id))).toBe("boot-jobs.stillQueued");
    expect((await it.start(guest.uuid)).state).toBe("running");
    const files = it.filesOf(guest.uuid);
    expect(files.durable.get("/etc/hostname")).toBe("web\n");
    expect(files.durable.get("/etc/hosts")).toBe("10.0.0.1 a\n10.0.0.2 b\n");
    expect(files.commands).toEqual([`echo "\${JIMV_PASSWORD}" >/x`]);
    expect(files.launches).toBe(1);
    // A command may have changed anything.
    expect(files.labelled).toEqual(["/"]);
    const rows = await it.queued();
    expect(rows.map(({ state, pendingKey }) => [state, pendingKey])).toEqual([
      ["done", null],
      ["done", null],
    ]);
    expect(JSON.stringify(rows)).not.toContain("pa'ss");
    expect(JSON.stringify(await it.world.tasks())).not.toContain("pa'ss");
    await it.world.guestService.act(guest.uuid, "force-stop", someone);
    await it.world.rest();
    await it.start(guest.uuid);
    expect(files.launches).toBe(1);
  });

  test("a failed job is kept with its log; the guest boots or not, as the job says", async () => {
    const guest = await it.guest();
    const files = it.filesOf(guest.uuid);
    files.codes.set("false", 3);
    const after = await it.job([write("/after", "x")]);
    const boots = await it.job([run("false"), write("/never", "x")]);
    await it.queue(guest, boots, after);
    expect((await it.start(guest.uuid)).state).toBe("running");
    expect([files.durable.has("/never"), files.durable.get("/after")]).toEqual([false, "x"]);
    const failed = (await it.queued()).find(({ state }) => state === "failed");
    expect(failed).toMatchObject({
      failedWord: "boot-jobs.commandFailed",
      failedArgs: { rule: 1, code: 3 },
      log: "1. run: exit code 3\nran false",
    });
    await it.world.guestService.act(guest.uuid, "force-stop", someone);
    await it.world.rest();
    files.broken.add("/broken");
    const stays = await it.job([write("/broken", "x")], { onFailure: "stay" });
    const next = await it.job([write("/next", "x")]);
    await it.queue(guest, stays, next);
    expect((await it.start(guest.uuid)).state).toBe("off");
    const task = (await it.world.tasks()).findLast(({ kind }) => kind === "guests.start");
    expect(task).toMatchObject({ state: "failed", errorWord: "boot-jobs.staysOff" });
    // The session that broke off was followed by one for the job after it.
    expect([files.durable.get("/next"), files.launches]).toEqual(["x", 3]);
    expect((await it.start(guest.uuid)).state).toBe("running");
  });

  test("a mark that is none of ours fails its job with a sentence, and the guest boots", async () => {
    const guest = await it.guest();
    for (const text of ["", "{", JSON.stringify({ rule: -1, size: null, log: [], ended: null })]) {
      const [id] = await it.queue(guest, await it.job([write("/never", "x")]));
      it.filesOf(guest.uuid).durable.set(`/var/lib/jimv/boot-jobs/${id}`, text);
      expect((await it.start(guest.uuid)).state).toBe("running");
      const row = (await it.queued()).find((each) => each.id === id);
      expect(row?.failedWord).toBe("boot-jobs.markUnreadable");
      await it.world.guestService.act(guest.uuid, "force-stop", someone);
      await it.world.rest();
    }
    expect(it.filesOf(guest.uuid).durable.has("/never")).toBe(false);
  });

  test("a log that is longer than a mark may be loses its beginning, and the job goes on", async () => {
    const guest = await it.guest();
    const rules = Array.from({ length: 40 }, (_, at) => run(`${at}${"\u0001".repeat(3000)}`));
    await it.queue(guest, await it.job(rules));
    await it.start(guest.uuid);
    expect((await it.queued())[0]).toMatchObject({ state: "done", failedWord: null });
    const sizes = [...it.filesOf(guest.uuid).durable.values()].map((text) => text.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024);
  });

  test("a guest without a system on its disk fails its jobs with a sentence, and boots", async () => {
    const guest = await it.guest();
    it.filesOf(guest.uuid).system = null;
    await it.queue(guest, await it.job([write("/a", "x")]), await it.job([write("/b", "x")]));
    expect((await it.start(guest.uuid)).state).toBe("running");
    expect((await it.queued()).map(({ failedWord }) => failedWord)).toEqual([
      "boot-jobs.noSystem",
      "boot-jobs.noSystem",
    ]);
    expect(it.filesOf(guest.uuid).launches).toBe(1);
  });

  test("on Windows line ends are the system's, paths lose their drive, and commands are left out", async () => {
    const guest = await it.guest();
    const files = it.filesOf(guest.uuid);
    files.system = "windows";
    await it.queue(guest, await it.job([write("C:\\a\\b.txt", "1\n2\r\n3"), run("echo")]));
    await it.start(guest.uuid);
    expect(files.durable.get("/a/b.txt")).toBe("1\r\n2\r\n3");
    expect(files.commands).toEqual([]);
    expect((await it.queued())[0]?.log).toContain("2. run: left out");
  });

  test("a job of which nothing could be carried out is not called done", async () => {
    const guest = await it.guest();
    it.filesOf(guest.uuid).system = "windows";
    await it.queue(guest, await it.job([run("echo"), run("ls")]));
    expect((await it.start(guest.uuid)).state).toBe("running");
    expect(await it.queued()).toMatchObject([{ state: "failed", failedWord: "boot-jobs.allLeftOut" }]);
  });

  test("a job that lost a value while it waited fails with its reason, and the others and the boot go on", async () => {
    const key = "ssh-ed25519 AAAA me";
    await it.world.set("boot-jobs", BootJobSettings, { sshKey: key });
    const guest = await it.guest();
    const lost = await it.job([write("/k", "{SSH-KEY}")], { name: "Key" });
    await it.queue(guest, lost, await it.job([write("/a", "x")]));
    await it.world.set("boot-jobs", BootJobSettings, { sshKey: "" });
    expect((await it.start(guest.uuid)).state).toBe("running");
    expect(it.filesOf(guest.uuid).durable.get("/a")).toBe("x");
    const rows = await it.queued();
    expect(rows.find(({ jobId }) => jobId === lost.id)).toMatchObject({
      state: "failed",
      pendingKey: null,
      failedWord: "boot-jobs.noValue",
      failedArgs: { job: "Key", guest: "web", name: "SSH-KEY" },
    });
    expect(rows.filter(({ state }) => state === "done")).toHaveLength(1);
    // One that is to keep its guest off does so, and can be taken back.
    await it.world.guestService.act(guest.uuid, "force-stop", someone);
    await it.world.rest();
    await it.world.set("boot-jobs", BootJobSettings, { sshKey: key });
    const ids = await it.queue(guest, await it.job([write("/k", "{SSH-KEY}")], { onFailure: "stay" }));
    await it.world.set("boot-jobs", BootJobSettings, { sshKey: "" });
    expect(await refusal(it.start(guest.uuid))).toBe("boot-jobs.noValue");
    expect(await it.world.use(bootJobsService).takeBack(ids)).toBe(1);
    expect((await it.start(guest.uuid)).state).toBe("running");
  });

  test("a start that is booked while a job is taken back takes it along", async () => {
    const guest = await it.guest();
    const { store, clock, hooks } = { ...it.world, hooks: { run: async () => {} } };
    const [id] = await it.queue(guest, await it.job([write("/a", "x")]));
    const queue = new Queue(
      {
        store,
        clock,
        hooks,
        commit: async (statements: Parameters<typeof store.batch>[0]) => {
          // Right before it commits, the start has.
          await it.world.guestService.act(guest.uuid, "start", someone);
          await store.batch(statements);
        },
      } as never,
      it.jobs,
    );
    expect(await refusal(queue.takeBack([id ?? ""]))).toBe("boot-jobs.underWay");
    await it.world.rest();
    expect(await it.queued()).toMatchObject([{ state: "done" }]);
  });

  test("the jobs that come along come all or none, also beside one of the same name", async () => {
    await it.world.store.run(remove(bootJobs, "all"));
    const [first] = seeds;
    await it.job([], { name: first?.name ?? "" });
    const { store, clock, log } = it.world;
    const broken = { batch: () => Promise.reject(new Error("gone")), first: store.first.bind(store) };
    await expect(putSeeds({ store: broken as never, clock, log })).rejects.toThrow("gone");
    expect(await it.jobs.list(true)).toHaveLength(1);
    await putSeeds(it.world);
    expect((await it.jobs.list()).map(({ name }) => name).sort()).toEqual(
      seeds.map(({ name }) => name).sort(),
    );
  });

  test("template jobs come with new guests, and wait where the guest does not boot yet", async () => {
    await it.job([write("/made", "{HOSTNAME}")], { scope: "template", templateIds: ["none"] });
    await it.world.create({ name: "here", templateId: "none" });
    await it.world.rest();
    const [here] = await it.world.guests();
    expect(here?.state).toBe("running");
    expect(it.filesOf(here?.uuid ?? "").durable.get("/made")).toBe("here");
    const later = await it.guest({ name: "later" });
    expect(it.filesOf(later.uuid).launches).toBe(0);
    await it.start(later.uuid);
    expect(it.filesOf(later.uuid).durable.get("/made")).toBe("later");
  });

  test("a template job that keeps the guest off leaves it made", async () => {
    await it.job([run("false")], { scope: "template", templateIds: ["none"], onFailure: "stay" });
    const world = it.world;
    await world.create({ name: "off", templateId: "none" });
    const [made] = await world.guests();
    it.filesOf(made?.uuid ?? "").codes.set("false", 1);
    await world.rest();
    expect((await it.found(made?.uuid ?? "")).state).toBe("off");
  });

  test("what needs a value that the guest has not is refused", async () => {
    const guest = await it.guest();
    expect(await refusal(it.queue(guest, await it.job([write("/k", "{SSH-KEY}")])))).toBe(
      "boot-jobs.noValue",
    );
    expect(await refusal(it.queue(guest, await it.job([write("/k", "{PASSWORD}")])))).toBe(
      "boot-jobs.noValue",
    );
    await it.world.set("boot-jobs", BootJobSettings, { sshKey: "ssh-ed25519 AAAA me" });
    expect(await refusal(it.queue(guest, await it.job([write("/k", "{SSH-KEY}")])))).toBe("nothing");
  });

  test("what is queued expires by the setting, can be taken back, and goes with its guest", async () => {
    const guest = await it.guest();
    const job = await it.job([write("/a", "x")]);
    await it.world.set("boot-jobs", BootJobSettings, { pendingMinutes: 1 });
    await it.queue(guest, job);
    await it.world.clock.advance(70_000);
    expect(await it.queued()).toEqual([]);
    await it.world.set("boot-jobs", BootJobSettings, { pendingMinutes: 0 });
    const ids = await it.queue(guest, job);
    expect(await it.queued()).toMatchObject([{ expiresAt: null }]);
    await it.world.store.run(update(guests, { state: "starting" }, eq(guests.uuid, guest.uuid)));
    expect(await refusal(it.world.use(bootJobsService).takeBack(ids))).toBe("boot-jobs.underWay");
    await it.world.store.run(update(guests, { state: "off" }, eq(guests.uuid, guest.uuid)));
    expect(await it.world.use(bootJobsService).takeBack(ids)).toBe(1);
    await it.queue(guest, job);
    await it.world.guestService.remove(guest.uuid, {}, someone);
    await it.world.rest();
    expect(await it.queued()).toEqual([]);
  });

  test("jobs of the program are hidden from people and queued by it", async () => {
    const service = it.world.use(bootJobsService);
    const guest = await it.guest();
    const system = await service.keepSystemJob("ip", "address", "stay", [write("/ip", "1")]);
    await service.keepSystemJob("ip", "address", "stay", [write("/ip", "2")]);
    expect(await it.jobs.list()).toEqual([]);
    expect(await refusal(service.queue([guest.uuid], [system.id], someone))).toBe("boot-jobs.notFound");
    await service.queue([guest.uuid], [system.id], { kind: "system", name: "ip" });
    await it.start(guest.uuid);
    expect(it.filesOf(guest.uuid).durable.get("/ip")).toBe("2");
    expect((await it.jobs.list(true)).map(({ id }) => id)).toEqual(["ip", "seeds-1"]);
  });
});

/** The short form leaps from point to point. */
const stride = process.env.JIMV_LONG === "1" ? 1 : 7;

/** Everything that a node does about jobs, and how it looks when the node dies at one point of it and comes back. */
test("a node that dies at any point carries no command out twice, and loses and repeats nothing else", async () => {
  const story = async (dieAt: number | null) => {
    const it = await worldWithJobs();
    try {
      const guest = await it.guest();
      const first = await it.job([
        write("/w", "w"),
        append("/log", "a\n"),
        run("one"),
        append("/log", "b\n"),
      ]);
      const second = await it.job([run("two"), append("/log", "c\n")]);
      await it.queue(guest, first, second);
      let points = 0;
      let died = "";
      it.world.fate = (point) => {
        if (point.process !== "node-1" || !/appliance|journal|add boot-jobs/.test(point.what)) return null;
        if (points++ === dieAt) {
          died = pointText(point);
          it.world.killNode("node-1");
          it.world.clock.after(1_000, () => void it.world.startNode("node-1"));
        }
        return null;
      };
      const row = await it.start(guest.uuid);
      const files = it.filesOf(guest.uuid);
      const rows = await it.queued();
      const count = (command: string) => files.commands.filter((each) => each === command).length;
      return {
        points,
        died,
        state: row.state,
        once: count("one") <= 1 && count("two") <= 1,
        states: rows.map(({ state, failedWord }) => failedWord ?? state),
        log: files.durable.get("/log") ?? "",
        written: files.durable.get("/w"),
      };
    } finally {
      await it.world.stop();
    }
  };
  const whole = await story(null);
  expect(whole).toMatchObject({ state: "running", states: ["done", "done"], log: "a\nb\nc\n", once: true });
  expect(whole.points).toBeGreaterThan(100);
  const wrong: unknown[] = [];
  let interrupted = 0;
  for (let at = 0; at < whole.points; at += stride) {
    const told = await story(at);
    const [one, two] = told.states;
    const half = told.states.filter((state) => state === "boot-jobs.interrupted").length;
    interrupted += half;
    const log = `a\n${one === "done" ? "b\n" : ""}${two === "done" ? "c\n" : ""}`;
    const fine =
      told.state === "running" &&
      told.once &&
      told.written === "w" &&
      told.log === log &&
      half <= 1 &&
      told.states.every((state) => state === "done" || state === "boot-jobs.interrupted");
    if (!fine) wrong.push(told);
  }
  expect(wrong).toEqual([]);
  // In the middle of a command nobody knows how far it came; that is seldom.
  expect(interrupted).toBeLessThan(whole.points / stride / 2);
  if (stride === 1) expect(interrupted).toBeGreaterThan(0);
}, 180_000);
