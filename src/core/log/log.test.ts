import { expect, test } from "bun:test";
import { createLog, type LogEntry, logLine } from "./log.ts";

test("one entry is one line, and facts named like secrets are blotted out", () => {
  const line = logLine({
    at: 0,
    level: "warn",
    name: "guests",
    text: "two\nlines",
    facts: { guest: "a b\nc", password: "hunter2", vncPasswd: "x", node: "kvm-1", n: 3 },
  });
  expect(line).toBe(
    '1970-01-01T00:00:00.000Z warn  guests: two lines guest="a b\\nc" password=[hidden] vncPasswd=[hidden] node=kvm-1 n=3',
  );
});

test("entries below the level are dropped; named logs carry their name", () => {
  const seen: LogEntry[] = [];
  const log = createLog((entry) => seen.push(entry), "warn").named("inner");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(seen.map((entry) => [entry.name, entry.level])).toEqual([
    ["inner", "warn"],
    ["inner", "error"],
  ]);
});
