import { describe, expect, test } from "bun:test";
import { type ControllerContext, type PageCall, type PageRoute, type Viewer, WordBook } from "jimv";
import { html } from "jimv/ui";
import { uiWords } from "../../ui/index.ts";
import type { NodePanel } from "../nodes/index.ts";
import type { DrainService, DrainStep, DrainView, MigrationService } from "./contract.ts";
import { startDrainPages } from "./drain-pages.tsx";
import { migrationWords } from "./words.ts";

const viewer = (role: Viewer["role"]): Viewer => {
  const book = new WordBook();
  for (const words of [migrationWords, uiWords]) book.add(words);
  return {
    role,
    language: "en",
    csrf: "token",
    say: (key: string, args = {}) => book.say("en", key, args),
  } as unknown as Viewer;
};
const step = (name: string, change: Partial<DrainView["steps"][number]>): DrainView["steps"][number] => ({
  id: name,
  node: "node-1",
  guestUuid: name,
  guestName: name,
  position: 0,
  state: "waiting",
  toNode: null,
  task: null,
  attempts: 0,
  reasons: null,
  ...change,
});

function pages(plan: DrainStep[], drain: DrainView | null) {
  const routes = new Map<string, PageRoute>();
  const panels: NodePanel[] = [];
  const context = {
    web: {
      live: () => {},
      page: (route: PageRoute) => void routes.set(`${route.method} ${route.path}`, route),
    },
    slots: {
      add: (slot: { name: string }, entry: NodePanel) => slot.name === "nodes.panels" && panels.push(entry),
    },
    tasks: {
      get: async () => ({
        id: "t",
        state: "running",
        progress: 40,
        etaSeconds: 12,
        step: null,
        endedAt: null,
      }),
    },
  } as unknown as ControllerContext;
  const migration = { drainPlan: async () => plan } as unknown as MigrationService;
  startDrainPages(context, migration, { get: async () => drain } as unknown as DrainService);
  return { routes, panels };
}

describe("the dialog", () => {
  const dialogOf = async (plan: DrainStep[]): Promise<string> => {
    const call = {
      params: { name: "node-1" },
      viewer: viewer("administrator"),
      partial: true,
    } as unknown as PageCall;
    const answer = await pages(plan, null).routes.get("GET /nodes/{name}/drain")?.handle(call);
    return answer && "fragment" in answer ? html(answer.fragment) : "";
  };

  test("offers to move nothing where nothing can go", async () => {
    const reasons = [{ of: "node-1", word: "migration.drain.alone", args: { node: "node-1" } }];
    const shown = await dialogOf([
      { guestUuid: "a", name: "web", state: "running", toNode: null, copyGiB: 0, reasons },
    ]);
    expect(shown).not.toContain('type="submit"');
    expect(shown).toContain("There is no other node than node-1.");
  });

  test("says where each guest would go and how, and why others stay", async () => {
    const shown = await dialogOf([
      { guestUuid: "a", name: "web <1>", state: "running", toNode: "node-2", copyGiB: 4, reasons: [] },
      {
        guestUuid: "b",
        name: "db",
        state: "off",
        toNode: null,
        copyGiB: 0,
        reasons: [{ of: "node-2", word: "migration.no.bridge", args: { node: "node-2", bridge: "br0" } }],
      },
    ]);
    expect(shown).toContain("web &lt;1&gt;");
    expect(shown).toContain("live, up to 4 GiB of disks copied along");
    expect(shown).toContain("Node node-2 has no bridge br0.");
    expect(shown).toContain("would stay: 1");
    expect(shown).toContain('action="/nodes/node-1/drain"');
    expect(shown).toContain('hx-post="/nodes/node-1/maintenance"');
  });
});

describe("the panel", () => {
  const drain = (state: DrainView["state"], steps: DrainView["steps"]): DrainView => ({
    node: "node-1",
    state,
    actor: "user:anna",
    beganAt: 1,
    changedAt: 1,
    endedAt: null,
    steps,
  });
  const panelOf = async (
    shown: DrainView | null,
    role: Viewer["role"] = "administrator",
  ): Promise<string> => {
    const [panel] = pages([], shown).panels;
    return html(<div>{await panel?.render({ name: "node-1" } as never, viewer(role))}</div>);
  };

  test("is not there without a drain", async () => {
    expect(await panelOf(null)).toBe("<div></div>");
  });

  test("shows how many have gone and how far those on their way are, and can be cancelled", async () => {
    const steps = [step("a", { state: "moved" }), step("b", { state: "moving", task: "t" }), step("c", {})];
    const shown = await panelOf(drain("draining", steps));
    expect(shown).toContain("1 of 3 have gone");
    expect(shown).toContain("40%");
    expect(shown).toContain("/nodes/node-1/drain/cancel");
    expect(await panelOf(drain("draining", steps), "reader")).not.toContain("/drain/cancel");
  });

  test("says why guests stayed, and offers to try again", async () => {
    const reasons = [{ of: "c", word: "migration.no.linked", args: { disk: "c-data", from: "node-1" } }];
    const shown = await panelOf(drain("ended", [step("c", { state: "stayed", reasons })]));
    expect(shown).toContain("some stayed");
    expect(shown).toContain("The disk c-data reads from a template");
    expect(shown).toContain("Try again");
    expect(await panelOf(drain("ended", [step("c", { state: "moved" })]))).toContain("the node is empty");
  });
});
