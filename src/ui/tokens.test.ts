/** Contrasts of the tokens, by WCAG 2.2's own formula, in both themes. */
import { expect, test } from "bun:test";

const css = await Bun.file(new URL("./css/tokens.css", import.meta.url)).text();
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [
    name,
    { light, dark },
  ]),
);

function luminance(hex: string): number {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string, theme: "light" | "dark"): number {
  const of = (name: string): number => {
    const hex = tokens.get(name)?.[theme];
    if (!hex) throw new Error(`no token --${name}`);
    return luminance(hex);
  };
  const [high = 0, low = 0] = [of(a), of(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const grounds = ["ground", "panel", "sunk", "selected", "hover"];
const rules: { text: string; on: string[]; least: number }[] = [
  { text: "ink", on: grounds, least: 7 },
  { text: "ink-2", on: grounds, least: 7 },
  { text: "ink-3", on: grounds, least: 4.5 },
  { text: "ink", on: ["ok-tint", "warn-tint", "bad-tint", "move-tint"], least: 7 },
  { text: "accent", on: grounds, least: 4.5 },
  { text: "on-accent", on: ["accent", "accent-hover"], least: 4.5 },
  { text: "ok", on: ["panel", "selected", "hover", "ok-tint"], least: 4.5 },
  { text: "warn", on: ["panel", "selected", "hover", "warn-tint"], least: 4.5 },
  { text: "bad", on: ["ground", "panel", "selected", "hover", "bad-tint"], least: 4.5 },
  { text: "move", on: ["panel", "selected", "hover", "move-tint"], least: 4.5 },
  // Edges of fields and filled bars are not text: 3 to 1.
  { text: "edge", on: ["panel"], least: 3 },
  { text: "bar", on: ["panel", "sunk"], least: 3 },
  { text: "bar-warn", on: ["panel"], least: 3 },
  { text: "bar-bad", on: ["panel"], least: 3 },
  { text: "bar-move", on: ["panel"], least: 3 },
];

for (const theme of ["light", "dark"] as const)
  for (const { text, on, least } of rules)
    for (const ground of on)
      test(`${theme}: ${text} on ${ground} is at least ${least}`, () => {
        expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(least);
      });
