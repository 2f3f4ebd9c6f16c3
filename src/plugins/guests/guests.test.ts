/** The rules of guests, on a real controller and node in a pretended world. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { AppError, eq, inArray, insert, update } from "jimv";
import { pretendedNode } from "../../../tests/world/plugins.ts";
import { someone, World } from "../../../tests/world/world.ts";
import { disks } from "../disks/index.ts";
import { templates } from "../templates/index.ts";
import { GuestSettings } from "./capacity.ts";
import { mayDelete } from "./pages-parts.tsx";
import { foreignDomains, type Guest, guestInterfaces, guests } from "./schema.ts";
import { allows, guestStates } from "./states.ts";

const list = { page: 1, pageSize: 50 } as const;

/** What a refusal must be like. */
const like = (kind: string, word?: string, field?: string, args?: Record<string, unknown>) => ({
  kind,
  ...(word === undefined ? {} : { word }),
  ...(field === undefined ? {} : { field }),
  ...(args === undefined ? {} : { args }),
});

describe("guests", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ pace: { copyMilliseconds: 50 } });
  });
  afterEach(() => world.stop());

  /** Kind, word, field and figures of a refusal; "nothing" where there was none. */
  async function refusal(asked: Promise<unknown>): Promise<unknown> {
    try {
      await asked;
      return "nothing";
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { kind: error.kind, word: error.word, field: error.fields[0]?.path ?? null, args: error.args };
    }
  }
  const node = () => {
    const found = world.inventory.nodes.get("node-1");
    if (!found) throw new Error("no node");
    return found;
  };
  async function running(name = "web"): Promise<Guest> {
    await world.create({ name, templateId: "none" });
    await world.rest();
    return guest(name);
  }
  async function guest(name: string): Promise<Guest> {
    const found = (await world.guests()).find((each) => each.name === name);
    if (!found) throw new Error(`no guest ${name}`);
    return found;
  }
  const put = (found: Guest, set: Partial<Guest>): Promise<void> =>
    world.store.run(update(guests, set, eq(guests.uuid, found.uuid)));

  describe("creation refuses", () => {
    test("a template that is not there, or not ready, at its field", async () => {
      const at = "templateId";
      expect(await refusal(world.create({ templateId: "gone" }))).toMatchObject(
        like("invalid", "templates.notFound", at),
      );
      await world.store.run(update(templates, { state: "checking" }, eq(templates.id, "none")));
      expect(await refusal(world.create({ templateId: "none" }))).toMatchObject(
        like("conflict", "templates.not.checking", at),
      );
    });

    test("what the node can't give, with the figure", async () => {
      expect(await refusal(world.create({ memoryMiB: 40_000, quantity: 2 }))).toMatchObject(
        like("conflict", "guests.noMemory", "memoryMiB", {
          node: "node-1",
          needMiB: 80_000,
          freeMiB: 65_536,
          mostMiB: 65_536,
        }),
      );
      expect(await refusal(world.create({ vcpus: 9 }))).toMatchObject(
        like("conflict", "guests.manyVcpus", "vcpus", { node: "node-1", vcpus: 9, most: 8 }),
      );
      const storage = node().storage;
      if (storage) storage.availableBytes = 1024 ** 3;
      expect(await refusal(world.create({ quantity: 3 }))).toMatchObject(
        like("conflict", "guests.noDisk", "diskSizeGiB", { needMiB: 1500, freeMiB: 1024 }),
      );
      expect(await refusal(world.create())).toMatchObject(
        like("conflict", "guests.noDiskGrowth", "diskSizeGiB", {
          needMiB: 4096,
          freeMiB: 2048,
        }),
      );
      expect(await world.guests()).toEqual([]);
      expect(await world.tasks()).toEqual([]);
    });

    test("what no node can give, with each node's own reason", async () => {
      const small = pretendedNode("node-2");
      if (small.facts) small.facts = { ...small.facts, memoryMiB: 1024 };
      world.inventory.nodes.set("node-2", small);
      world.inventory.nodes.set("node-3", pretendedNode("node-3", { acceptsGuests: false }));
      world.inventory.nodes.set("node-4", pretendedNode("node-4", { state: "silent" }));
      const bare = pretendedNode("node-5");
      // As a node answers whose libvirt finds no emulator.
      if (bare.facts) bare.facts = { ...bare.facts, qemuVersion: "" };
      world.inventory.nodes.set("node-5", bare);
      const error = await world
        .create({ templateId: "none", memoryMiB: 60_000, quantity: 2 })
        .catch((thrown) => thrown);
      expect(error).toMatchObject({
        kind: "conflict",
        word: "guests.fewPlaces",
        args: { placed: 1, count: 2 },
      });
      expect(error.reasons.map(({ of, word }: { of: string; word: string }) => `${of} ${word}`)).toEqual([
        "node-1 guests.noMemory",
        "node-2 guests.noMemory",
        "node-3 guests.nodeClosed",
        "node-4 guests.nodeAway",
        "node-5 guests.nodeNoEmulator",
      ]);
      expect(await refusal(world.create({ templateId: "none", nodeName: "node-5" }))).toMatchObject({
        kind: "conflict",
        word: "guests.nodeNoEmulator",
        args: { node: "node-5" },
      });
      const byHand = { templateId: "none", nodeName: "node-2", memoryMiB: 2000 };
      expect(await refusal(world.create(byHand))).toMatchObject(
        like("conflict", "guests.noMemory", "memoryMiB", { node: "node-2", mostMiB: 1024 }),
      );
      expect(await world.guests()).toEqual([]);
    });

    test("more vCPUs together than the node's overcommit allows, at a start, too", async () => {
      await world.set("guests", GuestSettings, { vcpuOvercommit: 0.5 });
      const ask = (name: string, more = {}) => world.create({ name, vcpus: 2, templateId: "none", ...more });
      expect(await refusal(ask("many", { quantity: 3 }))).toMatchObject(
        like("conflict", "guests.noVcpus", "vcpus", { need: 6, free: 4, most: 4 }),
      );
      await ask("first", { start: false });
      await world.rest();
      await ask("other", { quantity: 2 });
      await world.rest();
      expect(
        await refusal(world.guestService.act((await guest("first")).uuid, "start", someone)),
      ).toMatchObject(like("conflict", "guests.noVcpus", "vcpus", { need: 2, free: 0, most: 4 }));
    });

    test("to start more than fits when all are started at once", async () => {
      await world
        .create({ name: "web", quantity: 6, memoryMiB: 20_000, templateId: "none", start: false })
        .catch((error) => expect(error.word).toBe("guests.noMemory"));
      for (const at of [1, 2, 3, 4, 5, 6]) {
        await world.create({ name: `web-${at}`, memoryMiB: 20_000, templateId: "none", start: false });
        await world.rest();
      }
      const asked = (await world.guests()).map((each) =>
        refusal(world.guestService.act(each.uuid, "start", someone)),
      );
      const answers = await Promise.all(asked);
      expect(answers.filter((answer) => answer === "nothing")).toHaveLength(3);
    });

    test("memory that other guests have already", async () => {
      await world.create({ name: "large", memoryMiB: 60_000 });
      expect(await refusal(world.create({ memoryMiB: 8_000 }))).toMatchObject(
        like("conflict", "guests.noMemory"),
      );
      await world.rest();
      await world.guestService.act((await guest("large")).uuid, "force-stop", someone);
      await world.rest();
      expect(await refusal(world.create({ memoryMiB: 8_000 }))).toBe("nothing");
      await world.rest();
      // Now the large one does not fit any more.
      expect(
        await refusal(world.guestService.act((await guest("large")).uuid, "start", someone)),
      ).toMatchObject(like("conflict", "guests.noMemory"));
    });

    test("disks smaller than their template, unknown nodes and templates, nodes that are not ready", async () => {
      expect(await refusal(world.create({ diskSizeGiB: 1 }))).toMatchObject(
        like("invalid", "guests.diskSmall", "diskSizeGiB", { leastGiB: 2 }),
      );
      expect(await refusal(world.create({ templateId: "none", password: "typed in vain" }))).toMatchObject(
        like("invalid", "guests.noPasswordWay", "password", { template: "none" }),
      );
      for (const templateId of ["none", "agent"])
        expect(await refusal(world.create({ templateId, sshKeys: ["ssh-ed25519 AAAA me"] }))).toMatchObject(
          like("invalid", "guests.noKeyWay", "sshKeys", { template: templateId }),
        );
      expect(await refusal(world.create({ nodeName: "nowhere" }))).toMatchObject(
        like("invalid", "guests.nodeUnknown"),
      );
      node().acceptsGuests = false;
      expect(await refusal(world.create())).toMatchObject(like("conflict", "guests.nodeClosed", "nodeName"));
      expect(await refusal(world.create({ nodeName: "node-1", name: "asked-for" }))).toBe("nothing");
      node().acceptsGuests = true;
      node().hypervisor = { connected: false, reason: "libvirtd is away" };
      expect(await refusal(world.create())).toMatchObject(like("conflict", "guests.nodeHypervisor"));
      node().configured = false;
      node().hypervisor = { connected: true, reason: null };
      expect(await refusal(world.create())).toMatchObject(like("conflict", "guests.nodeUnconfigured"));
      node().state = "offline";
      expect(await refusal(world.create())).toMatchObject(like("conflict", "guests.nodeAway"));
    });

    test("names that are taken, whatever their case, by guests or by foreign domains", async () => {
      await world.create({ name: "Web" });
      const taken = like("conflict", "guests.nameTaken", "name");
      expect(await refusal(world.create({ name: "wEB" }))).toMatchObject(taken);
      await world.create({ name: "db-2" });
      expect(await refusal(world.create({ name: "db", quantity: 3 }))).toMatchObject(taken);
      expect(await refusal(world.guestService.checkName("db", 3))).toMatchObject(taken);
      expect(await refusal(world.guestService.checkName("free", 3))).toBe("nothing");
      world.machine().addForeign(crypto.randomUUID(), "old-one", "running");
      await world.rest();
      expect(await refusal(world.create({ name: "old-one" }))).toMatchObject(
        like("conflict", "guests.nameForeign"),
      );
    });

    test("a batch as a whole: one taken name, and nothing is booked", async () => {
      await world.create({ name: "web-7" });
      const before = [
        await world.store.count(disks),
        await world.store.count(guestInterfaces),
        (await world.tasks()).length,
      ];
      expect(await refusal(world.create({ quantity: 9 }))).toMatchObject(
        like("conflict", "guests.nameTaken"),
      );
      expect([
        await world.store.count(disks),
        await world.store.count(guestInterfaces),
        (await world.tasks()).length,
      ]).toEqual(before);
    });
  });

  test("twenty who ask at once get names, ports and addresses of their own", async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => world.create({ name: `g${at}`, templateId: "none" })),
    );
    const all = await world.guests();
    expect(new Set(all.map((each) => each.vncPort)).size).toBe(20);
    expect(await world.store.count(guestInterfaces)).toBe(20);
    expect(await world.rest()).toBe(true);
    expect((await world.guests()).map((each) => each.state)).toEqual(Array(20).fill("running"));
  });

  test("each action is refused with 409 and the state's own reason, unless the state allows it", async () => {
    const web = await running();
    for (const state of guestStates) {
      await put(web, { state });
      for (const action of [
        "start",
        "shutdown",
        "reboot",
        "force-stop",
        "force-reboot",
        "pause",
        "resume",
      ] as const) {
        if (allows(state, action)) continue;
        expect(await refusal(world.guestService.act(web.uuid, action, someone))).toMatchObject(
          like("conflict", `guests.is.${state}`),
        );
      }
    }
    await put(web, { state: "running" });
    expect(await refusal(world.guestService.remove(web.uuid, {}, someone))).toMatchObject(
      like("conflict", "guests.deleteRunning"),
    );
    expect(await refusal(world.guestService.act("nobody", "start", someone))).toMatchObject(like("notFound"));
  });

  test("a second task on the same guest is refused while the first is open", async () => {
    const web = await running();
    await world.guestService.act(web.uuid, "pause", someone);
    expect(await refusal(world.guestService.act(web.uuid, "reboot", someone))).toMatchObject(
      like("conflict", "guests.busy"),
    );
    // Forcing off is what one does when nothing else ends.
    expect(await refusal(world.guestService.act(web.uuid, "force-stop", someone))).toBe("nothing");
    await world.rest();
    expect((await guest("web")).state).toBe("off");
  });

  test("name and size change while the guest is off, the remark at any time; a taken name is refused", async () => {
    const web = await running();
    await running("other");
    const change = (what: Parameters<typeof world.guestService.change>[1]) =>
      world.guestService.change(web.uuid, what, someone);
    expect(await refusal(change({ vcpus: 2 }))).toMatchObject(like("conflict", "guests.is.running"));
    expect((await change({ remark: "the <b>web</b>" })).guest.remark).toBe("the <b>web</b>");
    await world.guestService.act(web.uuid, "force-stop", someone);
    await world.rest();
    expect(await refusal(change({ name: "Other" }))).toMatchObject(
      like("conflict", "guests.nameTaken", "name"),
    );
    await change({ name: "Web-2", vcpus: 2, memoryMiB: 1024 });
    await world.rest();
    expect(await guest("Web-2")).toMatchObject({ vcpus: 2, memoryMiB: 1024, nameKey: "web-2" });
    expect(world.machine().domains.get(web.uuid)?.spec).toMatchObject({
      name: "Web-2",
      vcpus: 2,
      memoryMiB: 1024,
    });
  });

  test("a Windows template's guests have a clock of local time, all others UTC", async () => {
    const isWindows = { osFamily: "windows", isWindows: true } as const;
    await world.store.run(update(templates, isWindows, eq(templates.id, "none")));
    for (const templateId of ["none", "agent"]) await world.create({ name: templateId, templateId });
    await world.rest();
    const clockOf = async (name: string) => world.machine().domains.get((await guest(name)).uuid)?.spec.clock;
    expect([await clockOf("none"), await clockOf("agent")]).toEqual(["localtime", "utc"]);
  });

  test("the password is what the guest was set up with, and who asked is in the log", async () => {
    await world.create({ templateId: "agent", password: 'pa$$ "word" 密' });
    await world.create({ name: "generated", templateId: "agent" });
    await world.create({ name: "as-in-image", templateId: "none" });
    await world.rest();
    const web = await guest("web");
    expect(await world.guestService.revealPassword(web.uuid, someone)).toEqual({
      userName: "root",
      password: 'pa$$ "word" 密',
    });
    expect(world.machine().domains.get(web.uuid)?.passwords.get("root")).toBe('pa$$ "word" 密');
    const other = await guest("generated");
    const { password } = await world.guestService.revealPassword(other.uuid, someone);
    expect(password).toMatch(/^[2-9A-HJ-NP-Za-km-z]{16}$/);
    expect(world.machine().domains.get(other.uuid)?.hostname).toBe("generated");
    expect(
      await refusal(world.guestService.revealPassword((await guest("as-in-image")).uuid, someone)),
    ).toMatchObject(like("conflict", "guests.noPassword"));
    const log = world.lines.join("\n");
    expect(log).toContain(`guest=${web.uuid} by=user:someone`);
    expect(log).not.toContain("pa$$");
    // Nothing at rest or on the road holds it in clear either.
    const stored = JSON.stringify([await world.tasks(), await world.guests()]);
    expect(stored).not.toContain("pa$$");
    expect(stored).not.toContain(password);
  });

  test("lists page, sort, filter and search; what QEMU's death changes is there within milliseconds", async () => {
    await world.create({ name: "web", quantity: 3, templateId: "none" });
    await world.create({ name: "db", templateId: "none", remark: "the 100% database" });
    await world.rest();
    const found = await world.guestService.list({ ...list, pageSize: 2, page: 2, sort: "-name" });
    expect([found.items.map((each) => each.name), found.total]).toEqual([["web-1", "db"], 4]);
    expect((await world.guestService.list({ ...list, q: "100%" })).items.map((each) => each.name)).toEqual([
      "db",
    ]);
    expect((await world.guestService.list({ ...list, q: "%" })).total).toBe(1);
    const db = await guest("db");
    world.machine().crash(db.uuid);
    await world.clock.advance(20);
    const inGroup = async (group: "running" | "off" | "trouble") =>
      (await world.guestService.list({ ...list, group })).items.map((each) => each.state);
    expect(new Set(await inGroup("running"))).toEqual(new Set(["running"]));
    expect(await inGroup("trouble")).toEqual(["crashed"]);
    expect(await inGroup("off")).toEqual([]);
    expect(
      (await world.guestService.list({ ...list, state: "crashed" })).items.map((each) => each.name),
    ).toEqual(["db"]);
    expect((await guest("db")).startedAt).toBeNull();
  });

  test("a guest of a node that is away is shown as unknown, and nothing is asked of it", async () => {
    const web = await running();
    node().state = "offline";
    expect(await world.guestService.get(web.uuid)).toMatchObject({ state: "running", shown: "unknown" });
    expect(await refusal(world.guestService.act(web.uuid, "shutdown", someone))).toMatchObject(
      like("conflict", "guests.nodeAway"),
    );
  });

  test("foreign domains and orphans are shown, never touched, and go when they are gone", async () => {
    const machine = world.machine();
    const [foreign, orphan] = [crypto.randomUUID(), crypto.randomUUID()];
    machine.addForeign(foreign, "théâtre <&> 😀".repeat(30), "running");
    machine.addForeign(orphan, "orphan", "off", "pretended-cluster");
    await world.rest();
    const known = await world.guestService.foreign("node-1");
    expect(known.map((each) => [each.uuid, each.kind, each.state]).sort()).toEqual(
      [
        [foreign, "foreign", "running"],
        [orphan, "orphan", "off"],
      ].sort(),
    );
    machine.pullPlug(foreign);
    await world.clock.advance(20);
    expect((await world.guestService.foreign()).find((each) => each.uuid === foreign)?.state).toBe("off");
    machine.domains.clear();
    await world.rest();
    expect(await world.guestService.foreign()).toEqual([]);
  });

  test("an orphan is removed by a task; what is foreign or has a guest is not", async () => {
    const machine = world.machine();
    const [foreign, orphan] = [crypto.randomUUID(), crypto.randomUUID()];
    machine.addForeign(foreign, "theirs", "running");
    machine.addForeign(orphan, "left-over", "running", "pretended-cluster");
    const web = await running();
    await world.rest();
    const service = world.guestService;
    expect(await refusal(service.removeOrphan(foreign, someone))).toMatchObject(
      like("conflict", "guests.notOurs"),
    );
    expect(await refusal(service.removeOrphan(web.uuid, someone))).toMatchObject(
      like("notFound", "guests.noOrphan"),
    );
    await service.removeOrphan(orphan, someone);
    expect(await refusal(service.removeOrphan(orphan, someone))).toMatchObject(
      like("conflict", "guests.busy"),
    );
    await world.rest();
    expect(machine.domains.has(orphan)).toBe(false);
    expect((await service.foreign()).map((each) => each.uuid)).toEqual([foreign]);
    expect(await guest("web")).toMatchObject({ state: "running" });
    // A guest stands for it meanwhile: nobody may take it away.
    machine.addForeign(orphan, "left-over", "off", "pretended-cluster");
    await world.rest();
    await put(web, { uuid: orphan });
    expect(await refusal(service.removeOrphan(orphan, someone))).toMatchObject(
      like("conflict", "guests.orphanHeld"),
    );
  });

  test("an older report never overwrites a newer one", async () => {
    const web = await running();
    await put(web, { observedSequence: 1e12, observedIncarnation: 99, state: "paused" });
    world.machine().crash(web.uuid);
    await world.clock.advance(20_000);
    expect((await guest("web")).state).toBe("paused");
  });

  test("a domain that vanished fails its guest with a reason, and one that comes back heals it", async () => {
    const web = await running();
    const machine = world.machine();
    const domain = machine.domains.get(web.uuid);
    machine.domains.delete(web.uuid);
    await world.clock.advance(15_000);
    expect(await guest("web")).toMatchObject({ state: "failed", failedWord: "guests.vanished" });
    expect(await world.guestService.get(web.uuid)).toMatchObject({ shown: "vanished", actions: ["delete"] });
    expect(await refusal(world.guestService.act(web.uuid, "start", someone))).toMatchObject(
      like("conflict", "guests.is.vanished"),
    );
    if (domain) machine.domains.set(web.uuid, domain);
    await world.clock.advance(15_000);
    expect(await guest("web")).toMatchObject({ state: "running", failedWord: null });
  });

  test("one that vanished, but is on another node, is not deleted: it can be migrated to there", async () => {
    const web = await running();
    const machine = world.machine();
    machine.domains.delete(web.uuid);
    await world.clock.advance(15_000);
    const service = world.guestService;
    expect(await service.get(web.uuid)).toMatchObject({ actions: ["delete"] });
    const other = { uuid: web.uuid, nodeName: "node-2", name: "web", vcpus: 1, memoryMiB: 512, seenAt: 0 };
    await world.store.run(insert(foreignDomains, { ...other, state: "running", kind: "orphan" }));
    expect(await service.get(web.uuid)).toMatchObject({
      actions: ["migrate"],
      error: { word: "guests.foundElsewhere", args: { node: "node-1", other: "node-2" } },
    });
    const { items } = await service.list({ page: 1, pageSize: 50 });
    expect(items).toMatchObject([{ actions: ["migrate"], error: { word: "guests.foundElsewhere" } }]);
    expect(items.map(mayDelete)).toEqual([false]);
    expect(await refusal(service.remove(web.uuid, { force: true }, someone))).toMatchObject(
      like("conflict", "guests.elsewhere"),
    );
  });

  test("deletion keeps the data disks free, unless they are to go along", async () => {
    await world.create({ name: "old", templateId: "cloud-init", dataDisks: [{ sizeGiB: 3 }] });
    await world.create({ templateId: "cloud-init", dataDisks: [{ sizeGiB: 1 }, { sizeGiB: 2 }] });
    await world.rest();
    const [old, web] = [await guest("old"), await guest("web")];
    await world.guestService.remove(old.uuid, { force: true, keepDataDisks: false }, someone);
    await world.guestService.remove(web.uuid, { force: true }, someone);
    await world.rest();
    expect(await world.guests()).toEqual([]);
    expect(await world.store.count(guestInterfaces)).toBe(0);
    const kept = await world.store.select(disks, { where: inArray(disks.state, ["idle"]) });
    expect(kept.map((disk) => [disk.sizeGiB, disk.guestUuid, disk.target]).sort()).toEqual([
      [1, null, null],
      [2, null, null],
    ]);
    const files = [...world.machine().files.keys()].filter((path) => path.startsWith("/storage/")).sort();
    expect(files).toEqual(kept.map((disk) => disk.path).sort());
  });
});
