import { describe, expect, test } from "bun:test";
import {
  type ControllerContext,
  type PageCall,
  type PageRoute,
  type Viewer,
  type WordArgs,
  WordBook,
} from "jimv";
import { html } from "jimv/ui";
import type { GuestDialog, GuestPanel, GuestService } from "../guests/index.ts";
import type { MigrationService, MigrationTarget } from "./contract.ts";
import type { Figures } from "./figures.ts";
import { startPages } from "./pages.tsx";
import { migrationWords } from "./words.ts";

const uuid = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
const guest = { uuid, name: "web <1>", state: "running", nodeName: "node-1" };
const task = {
  id: "task-1",
  kind: "migration.migrate",
  state: "running",
  progress: 40,
  etaSeconds: 12,
  step: null,
};
/** As the program does it: a key that nobody knows stays as it is. */
const sayIn = (language: "en" | "zh-CN") => {
  const book = new WordBook();
  book.add(migrationWords);
  return (key: string, args?: WordArgs) => book.say(language, key, args);
};
const viewer = (language: "en" | "zh-CN") =>
  ({
    language,
    role: "operator",
    csrf: "token",
    say: sayIn(language),
  }) as unknown as Viewer;

function pages(targets: MigrationTarget[], figures: Figures | null) {
  const routes = new Map<string, PageRoute>();
  const panels: GuestPanel[] = [];
  const dialogs: GuestDialog[] = [];
  const context = {
    web: {
      form: () => () => {},
      page: (route: PageRoute) => {
        routes.set(`${route.method} ${route.path}`, route);
        return () => {};
      },
    },
    slots: {
      add: (slot: { name: string }, entry: never) =>
        (slot.name === "guests.panels" ? panels : dialogs).push(entry),
    },
  } as unknown as ControllerContext;
  const service = {
    targets: async () => targets,
    running: async () => ({
      task: "task-1",
      guestUuid: uuid,
      fromNode: "node-1",
      toNode: "node-2",
      figures,
      changedAt: 0,
    }),
  } as unknown as MigrationService;
  const guests = { views: async (uuids: string[]) => uuids.map((each) => ({ ...guest, uuid: each })) };
  startPages(context, service, guests as unknown as GuestService);
  return { routes, panels, dialogs };
}

const target = (nodeName: string, reason: MigrationTarget["reason"]): MigrationTarget => ({
  nodeName,
  reason,
  copyGiB: 4,
  freeMemoryMiB: 2048,
  acceptsGuests: true,
});

async function dialogOf(
  targets: MigrationTarget[],
  path = "/guests/{uuid}/migrate",
  ids = [uuid],
): Promise<string> {
  const { routes } = pages(targets, null);
  const url = new URL(`http://jimv/?${ids.map((id) => `id=${id}`).join("&")}`);
  const call = { params: { uuid }, url, viewer: viewer("en"), partial: true } as unknown as PageCall;
  const answer = await routes.get(`GET ${path}`)?.handle(call);
  return answer && "fragment" in answer ? html(answer.fragment) : "";
}

describe("the dialog", () => {
  test("offers the nodes that can, says why others can't, and escapes names", async () => {
    const shown = await dialogOf([
      target("node-2", null),
      target("node-3", {
        of: "node-3",
        word: "migration.no.bridge",
        args: { node: "node-3", bridge: "br0" },
      }),
    ]);
    expect(shown).toContain("web &lt;1&gt;");
    expect(shown).toContain('value="node-2"');
    expect(shown).not.toContain('value="node-3"');
    expect(shown).toContain("Node node-3 has no bridge br0.");
    expect(shown).toContain('name="postcopy"');
  });

  test("offers nothing when no node can", async () => {
    const shown = await dialogOf([target("node-2", { of: "node-2", word: "migration.no.address" })]);
    expect(shown).not.toContain('type="submit"');
  });

  test("takes several guests, each with its own best node", async () => {
    const shown = await dialogOf([], "/guests/batch/migrate", ["a", "b"]);
    expect(shown).toContain("Migrate 2 guests");
    expect(shown.match(/name="id"/g)).toHaveLength(2);
  });
});

describe("the panel", () => {
  const figures: Figures = {
    phase: "memory",
    pass: 3,
    percent: 40,
    secondsLeft: null,
    sentPerSecond: 10 * 1024 ** 2,
    dirtiedPerSecond: 20 * 1024 ** 2,
    bytesLeft: 300 * 1024 ** 2,
    converging: false,
    remedy: { kind: "throttle", percent: 20, inSeconds: 30 },
    throttlePercent: 0,
  };
  const panelOf = async (said: Figures | null, language: "en" | "zh-CN" = "en") => {
    const [panel] = pages([], said).panels;
    return html(<div>{await panel?.render(guest as never, task as never, viewer(language))}</div>);
  };

  test("says that it does not converge, and what will be done when, instead of a time", async () => {
    const shown = await panelOf(figures);
    expect(shown).toContain("not converging");
    expect(shown).toContain("slowed down by 20 %, in about");
    expect(shown).not.toContain("12 s");
    expect(await panelOf(figures, "zh-CN")).toContain("不收敛");
  });

  test("tells the time left, and nothing that it does not know", async () => {
    const shown = await panelOf({ ...figures, converging: true, remedy: null, secondsLeft: 12 });
    expect(shown).toContain("12 s");
    expect(shown).toContain("will converge");
    expect(await panelOf(null)).not.toContain("converg");
  });
});
