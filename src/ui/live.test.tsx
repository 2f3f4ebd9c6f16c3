import { expect, test } from "bun:test";
import { append, html, remove, replace } from "./live.ts";
import { Button } from "./parts/button.tsx";
import { Progress } from "./parts/progress.tsx";
import { TwoLines } from "./parts/table.tsx";

test("foreign text stays text, also where it would end a message's element", async () => {
  const name = `</hx-partial><script>alert("1")</script>`;
  const message = replace("guest-1", await html(<TwoLines title={name} href={`/guests/${name}`} />));
  expect(message.match(/<\/hx-partial>/g)).toHaveLength(1);
  expect(message).not.toContain("<script");
});

test("an id that is not a plain word is refused: it would become a selector", () => {
  for (const id of ["", "a b", "a,b", "a]", "#x", "a.b"]) expect(() => remove(id)).toThrow("can't be the id");
  expect(append("rows", "<i></i>")).toBe(
    '<hx-partial hx-target="#rows" hx-swap="beforeend"><i></i></hx-partial>',
  );
});

test("a percentage out of range stays in the bar, an unknown one has no figure", async () => {
  expect(await html(<Progress lang="en" percent={140} task="t" />)).toContain('value="100"');
  const unknown = await html(<Progress lang="en" percent={null} task="t" />);
  expect(unknown).not.toContain("value=");
  expect(unknown).not.toContain("%");
});

test("a button that can't be pressed says why and does nothing", async () => {
  const button = await html(<Button post="/x" disabledBecause="It runs; stop it first." />);
  expect(button).toContain('title="It runs; stop it first."');
  expect(button).toContain('aria-disabled="true"');
  expect(button).not.toContain("hx-post");
});
