import { expect, test } from "bun:test";
import type { Viewer } from "jimv";
import { html } from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import { localPoolId, type PoolView } from "../pools/index.ts";
import { createFormOf } from "./pages-dialogs.tsx";

const viewer = { language: "en", csrf: "token", say: (word: string) => word } as unknown as Viewer;
const node = { name: "node-1", storage: { availableBytes: 2 ** 31 } } as NodeView;
const pool = (id: string, name: string, on: readonly string[]) =>
  ({ id, name, availableBytes: 2 ** 32, presences: on.map((nodeName) => ({ nodeName })) }) as PoolView;

test("a new disk's pool is asked for only where there is a choice", async () => {
  const local = pool(localPoolId, "local", ["node-1"]);
  const one = String(await html(createFormOf({ nodes: [node], pools: [local] }, viewer, null)));
  expect(one).not.toContain('name="poolId"');
  const fast = pool("p2", "fast <b>", ["a", "b", "c", "d"]);
  const two = String(await html(createFormOf({ nodes: [node], pools: [local, fast] }, viewer, null)));
  expect(two).toContain('name="poolId"');
  expect(two).toContain("fast &lt;b&gt;");
  expect(two).toContain("a, b, c, … (4)");
  expect(two).toMatch(new RegExp(`value="${localPoolId}"[^>]* selected`));
});
