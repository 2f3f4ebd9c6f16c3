/** What a guest's row shows of its creation, from the node's own progress to the markup. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Viewer, type WordArgs, WordBook } from "jimv";
import { html, TableRow } from "jimv/ui";
import { World } from "../../../tests/world/world.ts";
import { GuestState, guestTable } from "./pages-parts.tsx";
import { guestsWords } from "./words.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 100_000 } });
});
afterEach(() => world.stop());

function viewerOf(language: "en" | "zh-CN", role = "operator"): Viewer {
  const book = new WordBook();
  book.add(guestsWords);
  const say = (key: string, args?: WordArgs): string => book.say(language, key, args);
  return { language, role, csrf: "token", say } as unknown as Viewer;
}

async function row(language: "en" | "zh-CN"): Promise<string> {
  const { items } = await world.guestService.list({ page: 1, pageSize: 50 });
  if (!items[0]) throw new Error("no guest is listed");
  return html(<GuestState guest={items[0]} viewer={viewerOf(language)} />);
}

test("while a guest is created its row shows how far it is, what is done, and the time left", async () => {
  await world.create({ templateId: "none" });
  await world.clock.advance(60_000);
  const early = await row("en");
  await world.clock.advance(25_000);
  const late = await row("en");
  const percentOf = (markup: string): number => Number(/<b class="num">(\d+)%</.exec(markup)?.[1]);
  expect(percentOf(early)).toBeGreaterThan(10);
  expect(percentOf(late)).toBeGreaterThan(percentOf(early));
  expect(early).toContain("Copying the image");
  expect(early).toMatch(/class="left num">\d+:\d\d left</);
  expect(late).toMatch(/class="left num">\d+ s left</);
  expect(await row("zh-CN")).toMatch(/class="left num">剩 \d+ 秒</);
  await world.rest();
  expect(await row("en")).not.toContain("left num");
});

test("a whole row is drawn for who reads it, and anew when its guest changes", async () => {
  await world.create({ templateId: "none" });
  await world.rest();
  const whole = async (language: "en" | "zh-CN", role?: string): Promise<string> => {
    const { items } = await world.guestService.list({ page: 1, pageSize: 50 });
    if (!items[0]) throw new Error("no guest is listed");
    const spec = guestTable(viewerOf(language, role));
    return html(<TableRow spec={spec} row={items[0]} lang={language} />);
  };
  const running = await whole("en");
  expect(running).toMatch(/^<tr id="guest-/);
  expect(running).toContain("Running");
  expect(running).toContain("/force-stop");
  expect(await whole("zh-CN")).toContain("运行");
  expect(await whole("en", "reader")).not.toContain("/force-stop");
  expect(await whole("en")).toBe(running);
  const { items } = await world.guestService.list({ page: 1, pageSize: 50 });
  await world.guestService.act(items[0]?.uuid ?? "", "force-stop", { kind: "user", name: "somebody" });
  await world.rest();
  expect(await whole("en")).toContain("Off");
});
