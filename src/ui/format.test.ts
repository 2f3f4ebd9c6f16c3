import { expect, test } from "bun:test";
import { bytes, duration, mebibytes, relativeTime } from "./format.ts";
import { lookOf } from "./states.ts";
import { counted } from "./words.ts";

test("durations take the unit that a person would take", () => {
  expect([0, 14, 59.6, 100, 599, 640, 7200, 200_000].map((s) => duration("en", s))).toEqual([
    "0 s",
    "14 s",
    "1:00",
    "1:40",
    "9:59",
    "11 min",
    "2 h",
    "2 d",
  ]);
  expect(duration("zh-CN", 14)).toBe("14 秒");
  expect(duration("en", Number.NaN)).toBe("0 s");
  expect(duration("en", -5)).toBe("0 s");
});

test("sizes have three digits at most and binary units", () => {
  expect(bytes("en", 0)).toBe("0 B");
  expect(bytes("en", 2_254_857_830)).toBe("2.1 GiB");
  expect(mebibytes("en", 512)).toBe("512 MiB");
  expect(mebibytes("en", 8192)).toBe("8 GiB");
});

test("times are relative to now in both directions", () => {
  const now = Date.UTC(2026, 0, 1);
  expect(relativeTime("en", now - 2000, now)).toBe("now");
  expect(relativeTime("en", now - 11 * 3_600_000, now)).toBe("11h ago");
  expect(relativeTime("zh-CN", now - 2 * 86_400_000, now)).toContain("前");
  expect(relativeTime("en", now + 90_000, now)).toBe("in 1m");
});

test("one is singular in English and there is no plural in Chinese", () => {
  expect(counted("en", "frame.tasks", 1)).toBe("1 task");
  expect(counted("en", "frame.tasks", 2)).toBe("2 tasks");
  expect(counted("zh-CN", "frame.tasks", 1)).toBe("1 个任务");
});

test("a state that an older page does not know is shown as unknown", () => {
  expect(lookOf({ kind: "guest", state: "levitating" as "running" }).mark).toBe("unknown");
});
