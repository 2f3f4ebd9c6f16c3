import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { definePlugin, Type } from "jimv";
import { makeStage, type Stage } from "../../../tests/support/stage.ts";
import { settingsPlugin } from "./index.ts";

const tryPlugin = definePlugin({
  name: "try",
  settings: Type.Object({
    factor: Type.Number({ minimum: 0.1, maximum: 10, default: 1 }),
    count: Type.Integer({ minimum: 1, maximum: 5, default: 3, description: "How many <b>" }),
    wanted: Type.Boolean({ default: false }),
    mode: Type.Union([Type.Literal("a"), Type.Literal("b")], { default: "a" }),
    text: Type.String({ maxLength: 5, default: "" }),
  }),
});

describe("settings", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await makeStage([settingsPlugin, tryPlugin]);
  });
  afterEach(() => stage.stop());

  test("have their defaults, and what is changed stays while the rest does, too", async () => {
    const { ask } = await stage.token("administrator");
    const read = async () =>
      ((await (await ask("/api/v1/settings/try")).json()) as { values: unknown }).values;
    expect(await read()).toEqual({ factor: 1, count: 3, wanted: false, mode: "a", text: "" });
    const patch = (json: unknown) => ask("/api/v1/settings/try", { method: "PATCH", json });
    expect((await patch({ count: 5 })).status).toBe(200);
    expect((await patch({ factor: 1.5, wanted: true })).status).toBe(200);
    expect(await read()).toEqual({ factor: 1.5, count: 5, wanted: true, mode: "a", text: "" });
    for (const [wrong, path] of [
      [{ count: 6 }, "count"],
      [{ count: 1.5 }, "count"],
      [{ mode: "c" }, "mode"],
      [{ text: "too long" }, "text"],
      [{ other: 1 }, "other"],
    ] as const) {
      const response = await patch(wrong);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ errors: [{ path }] });
    }
    expect(await read()).toMatchObject({ count: 5 });
  });

  test("are for administrators, of plugins that have some", async () => {
    const operator = await stage.token("operator");
    expect((await operator.ask("/api/v1/settings")).status).toBe(403);
    const { ask } = await stage.token("administrator");
    const list = (await (await ask("/api/v1/settings")).json()) as { items: { plugin: string }[] };
    expect(list.items.map((one) => one.plugin)).toEqual(["try"]);
    expect((await ask("/api/v1/settings/settings")).status).toBe(404);
  });

  test("the page has a form for each plugin, which saves and refuses", async () => {
    const { ask, csrf } = await stage.session();
    const page = await (await ask("/settings")).text();
    expect(page).toContain("How many &lt;b&gt;");
    expect(page).toContain('max="5"');
    const form = { _csrf: csrf, factor: "2", count: "4", mode: "b", text: "x" };
    const refused = await ask("/settings/try", {
      form: { ...form, count: "9" },
      headers: { "hx-request": "true" },
    });
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain("At most 5");
    expect((await ask("/settings/try", { form })).status).toBe(303);
    expect(await (await ask("/settings")).text()).toContain('value="4"');
    expect(stage.errors).toEqual([]);
  });
});
