/**
 * Rules that hold for the whole API, taken from its own description and the table of states, so that no new list and
 * no new action is forgotten: against the real executable over HTTP.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type Action, allows, type GuestState, guestActions } from "../../src/plugins/guests/index.ts";
import { type App, demoTemplate } from "../support/app.ts";
import { type Lab, openLab } from "../support/lab.ts";

setDefaultTimeout(120_000);

const folder = mkdtempSync("/var/tmp/jimv-rules-");
let lab: Lab;
let app: App;

beforeAll(async () => {
  lab = await openLab();
  app = lab.app;
}, 300_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Operation {
  parameters: { name: string; in: string }[];
  responses: Record<string, { content?: Record<string, { schema: { properties?: object } }> }>;
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
}

/** Addresses that are read without a thing's id. */
async function plainReads(): Promise<[path: string, operation: Operation][]> {
  const document = (await (await fetch(`${app.url}/api/openapi.json`)).json()) as Description;
  return Object.entries(document.paths).flatMap(([path, methods]): [string, Operation][] =>
    methods.get && !path.includes("{") ? [[path.replace("/api/v1", ""), methods.get]] : [],
  );
}

describe("filters", () => {
  test("every list refuses those that it does not have, and names them", async () => {
    const reads = await plainReads();
    const lists = reads.filter(([, { parameters }]) => parameters.some(({ name }) => name === "page"));
    const paths = lists.map(([path]) => path);
    for (const path of ["/guests", "/templates", "/disks", "/nodes", "/tasks"]) expect(paths).toContain(path);
    for (const [path] of reads) {
      for (const name of ["unknown", "passwordSealed", "constructor", "state[]", "' or 1=1 --"]) {
        const { status, body } = await app.api<{ errors?: { path: string }[] }>(
          "GET",
          `${path}?${new URLSearchParams({ [name]: "x" })}`,
        );
        expect([path, name, status]).toEqual([path, name, 422]);
        expect(body.errors?.map((error) => error.path)).toEqual([name]);
      }
    }
  });

  test("every list refuses sorting by what it does not have, and values that a filter can't have", async () => {
    for (const [path, { parameters }] of await plainReads()) {
      const names = parameters.map(({ name }) => name);
      const odd = [
        ...(names.includes("sort") ? ["sort=-passwordSealed", "sort=name;drop table guests"] : []),
        ...(names.includes("page") ? ["page=0", "pageSize=100000", "page=1&page=2"] : []),
        ...(names.includes("state") ? ["state=x'%20or%201=1"] : []),
      ];
      for (const query of odd)
        expect([path, query, (await app.api("GET", `${path}?${query}`)).status]).toEqual([path, query, 422]);
    }
  });
});

test("every change of a thing answers the thing under its name, and the task", async () => {
  const document = (await (await fetch(`${app.url}/api/openapi.json`)).json()) as Description;
  const changes = Object.entries(document.paths).flatMap(([path, { patch }]): [string, string[]][] => {
    const said = patch && (patch.responses["202"] ?? patch.responses["200"]);
    const shape = said?.content?.["application/json"]?.schema.properties ?? {};
    // Settings are no things: they answer as when they are read.
    return patch && !path.includes("/settings/") ? [[path, Object.keys(shape)]] : [];
  });
  expect(Object.fromEntries(changes)).toMatchObject({
    "/api/v1/guests/{uuid}": ["guest", "task"],
    "/api/v1/nodes/{name}": ["node", "task"],
    "/api/v1/templates/{id}": ["template", "task"],
  });
  for (const [path, shape] of changes) expect([path, shape]).toEqual([path, [expect.any(String), "task"]]);
  expect(await app.ask("PATCH", `/nodes/${app.nodeName}`, { acceptsGuests: true })).toMatchObject({
    node: { name: app.nodeName, acceptsGuests: true },
    task: null,
  });
});

describe("states", () => {
  const requests: Record<Action, (uuid: string) => [method: string, path: string, body?: object]> = {
    start: (uuid) => ["POST", `/guests/${uuid}/start`],
    shutdown: (uuid) => ["POST", `/guests/${uuid}/shutdown`],
    reboot: (uuid) => ["POST", `/guests/${uuid}/reboot`],
    "force-stop": (uuid) => ["POST", `/guests/${uuid}/force-stop`],
    "force-reboot": (uuid) => ["POST", `/guests/${uuid}/force-reboot`],
    pause: (uuid) => ["POST", `/guests/${uuid}/pause`],
    resume: (uuid) => ["POST", `/guests/${uuid}/resume`],
    delete: (uuid) => ["DELETE", `/guests/${uuid}`],
    console: (uuid) => ["POST", `/guests/${uuid}/console-tickets`],
    edit: (uuid) => ["PATCH", `/guests/${uuid}`, { vcpus: 2 }],
    migrate: (uuid) => ["POST", `/guests/${uuid}/migrate`, {}],
  };
  type Begun = { task: { id: string }; guests: { uuid: string }[]; disk: { uuid: string } };
  const done = async (method: string, path: string, body?: object): Promise<Begun> => {
    const begun = await app.ask<Begun>(method, path, body);
    expect(await app.ended(begun.task.id)).toMatchObject({ state: "succeeded" });
    return begun;
  };

  /** Asks for all that the state forbids; how many that were. */
  async function forbidden(uuid: string, state: GuestState): Promise<number> {
    const actions = guestActions.filter((action) => !allows(state, action));
    for (const action of actions) {
      const { status, body } = await app.api<{ detail: string }>(...requests[action](uuid));
      expect([state, action, status]).toEqual([state, action, 409]);
      expect(body.detail).toContain("ruled");
    }
    expect((await app.ask<{ state: string }>("GET", `/guests/${uuid}`)).state).toBe(state);
    return actions.length;
  }

  test("what a state forbids is a 409 with the reason, for every action of the table", async () => {
    const templateId = await app.registerTemplate(await demoTemplate(folder), { init: "none" });
    const body = { name: "ruled", templateId, vcpus: 1, memoryMiB: 128, start: false };
    const { guests } = await done("POST", "/guests", body);
    const uuid = guests[0]?.uuid ?? "";
    const { disk } = await done("POST", "/disks", { name: "spare", nodeName: app.nodeName, sizeGiB: 1 });
    expect(await forbidden(uuid, "off")).toBeGreaterThan(5);
    await done("POST", `/guests/${uuid}/start`);
    expect(await forbidden(uuid, "running")).toBeGreaterThan(3);
    const attach = await app.api<{ detail: string }>("PATCH", `/disks/${disk.uuid}`, { guestUuid: uuid });
    expect(attach.status).toBe(409);
    expect(attach.body.detail).toContain("ruled");
    await done("POST", `/guests/${uuid}/pause`);
    expect(await forbidden(uuid, "paused")).toBeGreaterThan(3);
    await done("POST", `/guests/${uuid}/force-stop`);
    await done("PATCH", `/disks/${disk.uuid}`, { guestUuid: uuid });
    // Deleted with no word about its data disks, which stay.
    await done("DELETE", `/guests/${uuid}`);
    const left = await app.ask<{ items: { uuid: string; state: string }[] }>("GET", "/disks");
    expect(left.items.map((each) => [each.uuid, each.state])).toEqual([[disk.uuid, "idle"]]);
  });
});
