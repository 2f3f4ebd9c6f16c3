import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { definePlugin } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { nodeService, nodesPlugin } from "../nodes/index.ts";
import { poolsPlugin } from "../pools/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { templateService, templatesPlugin, templateUsers } from "./index.ts";
import { acceptedImage } from "./operations.ts";
import { refusedPath, wholeGiB } from "./rules.ts";

const actor = { kind: "user", name: "anna" } as const;
const gib = 1024 ** 3;
const input = {
  name: "Debian 12",
  path: "/srv/images/debian-12.qcow2",
  osFamily: "linux",
  init: "cloud-init",
} as const;
const good = {
  format: "qcow2",
  virtualSizeBytes: 2.5 * gib,
  actualSizeBytes: gib,
  fileSizeBytes: gib,
  othersRead: false,
};

describe("a path", () => {
  test.each(["/srv/images/a.qcow2", "/var/lib/jimv/templates/x y.raw", "/srv/jimv2/a", "/srv/图.qcow2"])(
    "%s is fine",
    (path) => expect(refusedPath(path, "/srv/jimv")).toBeNull(),
  );
  test.each([
    ["a.qcow2", "templates.path.absolute"],
    ["nbd:localhost:10809", "templates.path.absolute"],
    ["-o/x", "templates.path.absolute"],
    ["/srv/../etc/shadow", "templates.path.plain"],
    ["/srv/images/../a", "templates.path.plain"],
    ["/srv//a", "templates.path.plain"],
    ["/srv/a\n", "templates.path.plain"],
    [`/${"x".repeat(2000)}`, "templates.path.plain"],
    ["/etc/shadow", "templates.path.system"],
    ["/dev/sda", "templates.path.system"],
    ["/srv/jimv/somebody.qcow2", "templates.path.storage"],
  ])("%s is refused", (path, word) => expect(refusedPath(path, "/srv/jimv")).toBe(word as never));
});

describe("an image", () => {
  const info = {
    path: "/srv/a",
    format: "qcow2",
    virtualSizeBytes: gib,
    actualSizeBytes: 1,
    backingFile: null,
    dataFile: null,
    encrypted: false,
  };
  test("that is whole in itself is accepted", () =>
    expect(acceptedImage("/srv/a", info)).toEqual({
      format: "qcow2",
      virtualSizeBytes: gib,
      actualSizeBytes: 1,
    }));
  test.each([
    [{ format: "vmdk" }, "templates.refused.format"],
    [{ format: "luks" }, "templates.refused.format"],
    [{ backingFile: "/etc/shadow" }, "templates.refused.backing"],
    [{ dataFile: "/etc/shadow" }, "templates.refused.dataFile"],
    [{ encrypted: true }, "templates.refused.encrypted"],
    [{ virtualSizeBytes: 0 }, "templates.refused.empty"],
  ])("%j is refused", (change, word) => {
    let thrown: unknown;
    try {
      acceptedImage("/srv/a", { ...info, ...change });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ word });
  });
  test("counts in whole GiB, at least one", () =>
    expect([1, gib, gib + 1, 2.5 * gib].map(wholeGiB)).toEqual([1, 1, 2, 3]));
});

describe("with a controller", () => {
  let stage: Stage;
  let linked: string[];
  const service = () => stage.controller.use(templateService);
  const usersPlugin = definePlugin({
    name: "users-of-templates",
    controller: ({ slots }) => {
      slots.add(templateUsers, async () => linked);
    },
  });

  beforeEach(async () => {
    linked = [];
    stage = await makeStage([tasksPlugin, nodesPlugin, poolsPlugin, templatesPlugin, usersPlugin]);
    await stage.report("nodes.heartbeat", heartbeat);
    const nodes = stage.controller.use(nodeService);
    const config = { storagePath: "/srv/jimv", bridge: null, vncPortFirst: 15900, vncPortLast: 15999 };
    await nodes.configure("kvm-1", config, actor);
    const result = { poolName: "jimv", capacityBytes: 1, availableBytes: 1, networkName: "jimv", notes: [] };
    await stage.end(await stage.command("nodes.configure"), { state: "succeeded", result });
  });
  afterEach(() => stage.stop());

  const registered = async (change: Partial<typeof input> = {}) => {
    const { template } = await service().register({ ...input, ...change }, actor);
    await stage.end(await stage.command("templates.check"), { state: "succeeded", result: good });
    return template.id;
  };

  test("registering looks at the image, then it can be used", async () => {
    const { template, taskId } = await service().register(input, actor);
    expect(template).toMatchObject({
      state: "checking",
      nodeName: "kvm-1",
      userName: "root",
      isWindows: false,
    });
    await expect(service().usable(template.id)).rejects.toMatchObject({ word: "templates.not.checking" });
    await expect(service().remove(template.id, actor)).rejects.toMatchObject({ kind: "conflict" });
    const command = await stage.command("templates.check");
    expect(command).toMatchObject({ id: taskId, payload: { path: input.path } });
    await stage.end(command, { state: "succeeded", result: good });
    // The default disk is never smaller than the image.
    expect(await service().usable(template.id)).toMatchObject({
      state: "ready",
      defaultSizeGiB: 3,
      format: "qcow2",
    });
  });

  test("a refused image says why, and may be looked at again", async () => {
    const { template } = await service().register({ ...input, defaultSizeGiB: 20 }, actor);
    const error = { word: "templates.refused.backing", args: { path: input.path, file: "/base" } };
    await stage.end(await stage.command("templates.check"), { state: "failed", error });
    await expect(service().usable(template.id)).rejects.toMatchObject({ word: "templates.not.refused" });
    expect(await service().get(template.id)).toMatchObject({ state: "refused", refusedWord: error.word });
    await service().check(template.id, actor);
    await stage.end(await stage.command("templates.check"), { state: "succeeded", result: good });
    expect(await service().get(template.id)).toMatchObject({
      state: "ready",
      refusedWord: null,
      defaultSizeGiB: 20,
    });
  });

  test("names are taken whatever their case", async () => {
    await registered();
    const again = service().register({ ...input, name: "dEBIAN 12", path: "/srv/images/b" }, actor);
    await expect(again).rejects.toMatchObject({ kind: "conflict", fields: [{ path: "name" }] });
    expect((await service().list()).total).toBe(1);
    const other = await registered({ name: "Other", path: "/srv/images/b" } as never);
    await expect(service().change(other, { name: "debian 12" })).rejects.toMatchObject({
      word: "templates.nameTaken",
    });
    expect((await service().change(other, { name: "OTHER" })).name).toBe("OTHER");
  });

  test("guests' own disks can't be registered, nor images of unknown nodes", async () => {
    const steal = service().register({ ...input, path: "/srv/jimv/guest.qcow2" }, actor);
    await expect(steal).rejects.toMatchObject({ word: "templates.path.storage" });
    const elsewhere = service().register({ ...input, nodeName: "nobody" }, actor);
    await expect(elsewhere).rejects.toMatchObject({ fields: [{ path: "nodeName" }] });
    await stage.report("nodes.heartbeat", heartbeat, "kvm-2");
    await expect(service().register(input, actor)).rejects.toMatchObject({ word: "templates.whichNode" });
    expect((await service().list()).total).toBe(0);
  });

  test("the default disk can't become smaller than the image", async () => {
    const id = await registered();
    await expect(service().change(id, { defaultSizeGiB: 2 })).rejects.toMatchObject({
      word: "templates.tooSmall",
    });
    expect((await service().change(id, { defaultSizeGiB: 3 })).defaultSizeGiB).toBe(3);
  });

  test("one that linked disks need stays; afterwards it goes", async () => {
    const id = await registered();
    linked = ["web-1", "web-2"];
    await expect(service().remove(id, actor)).rejects.toMatchObject({
      word: "templates.inUse",
      args: { count: 2, names: "web-1, web-2" },
    });
    linked = [];
    await service().remove(id, actor);
    expect(await service().get(id)).toBeNull();
  });

  test("the API: register, list, refuse, delete", async () => {
    const admin = await stage.token("administrator");
    const made = await admin.ask("/api/v1/templates", { json: input });
    expect(made.status).toBe(202);
    const body = (await made.json()) as { template: { id: string }; task: { id: string; state: string } };
    expect(body).toMatchObject({ template: { state: "checking", refused: null }, task: { state: "queued" } });
    await stage.end(await stage.command("templates.check"), { state: "succeeded", result: good });
    const list = await (await admin.ask("/api/v1/templates?q=debian&sort=-createdAt&state=ready")).json();
    expect(list).toMatchObject({ total: 1, items: [{ id: body.template.id, name: "Debian 12" }] });
    for (const query of ["sort=path", "sort=name;drop", "state=odd", "colour=red", "page=0"])
      expect((await admin.ask(`/api/v1/templates?${query}`)).status).toBe(422);
    for (const change of [
      { path: "../x" },
      { name: "" },
      { name: "a\u0000b" },
      { init: "magic" },
      { defaultSizeGiB: 1e20 },
      { osFamily: "<xml/>" },
      { extra: 1 },
    ]) {
      const status = (await admin.ask("/api/v1/templates", { json: { ...input, name: "New", ...change } }))
        .status;
      expect([change, status]).toEqual([change, 422]);
    }
    expect((await admin.ask(`/api/v1/templates/${body.template.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await admin.ask(`/api/v1/templates/${body.template.id}`)).status).toBe(404);
    const reader = await stage.token("reader");
    expect((await reader.ask("/api/v1/templates", { json: input })).status).toBe(403);
  });

  test("pages show any name as text", async () => {
    const evil = `<script>alert("x")</script>'𝕏`;
    const id = await registered({ name: evil } as never);
    const { ask } = await stage.session();
    for (const path of [
      "/templates",
      `/templates/${id}`,
      `/templates/${id}/edit`,
      `/templates/${id}/delete`,
      "/tasks",
    ]) {
      const response = await ask(path);
      const page = await response.text();
      expect([path, response.status]).toEqual([path, 200]);
      expect(page).not.toContain("<script");
      expect(page).toContain("&lt;script");
    }
    expect((await ask("/templates/new")).status).toBe(200);
    expect(stage.errors).toEqual([]);
  });

  test("the form registers, and refuses at its fields", async () => {
    const { ask, csrf } = await stage.session();
    const form = {
      _csrf: csrf,
      name: "Debian",
      path: "relative",
      osFamily: "linux",
      icon: "debian",
      init: "agent",
    };
    const refused = await ask("/templates/new", { form, headers: { "hx-request": "true" } });
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain("beginning with a slash");
    const done = await ask("/templates/new", { form: { ...form, path: "/srv/images/d.qcow2" } });
    expect(done.status).toBe(303);
    const [template] = (await service().list()).items;
    expect(template).toMatchObject({ icon: "debian", init: "agent", isWindows: false });
    expect(done.headers.get("location")).toBe(`/templates/${template?.id}`);
  });
});
