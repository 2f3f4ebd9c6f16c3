import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { SecretString, secretFields } from "./kind.ts";
import { SpeedMeter } from "./operation.ts";

describe("the time left", () => {
  test("is unknown at first, then what the speed says", () => {
    const meter = new SpeedMeter();
    expect(meter.update(0, 0, 1000)).toBeNull();
    expect(meter.update(1000, 100, 1000)).toBe(9);
    expect(meter.update(2000, 200, 1000)).toBe(8);
  });

  test("follows a change of speed slowly, and is never negative", () => {
    const meter = new SpeedMeter();
    meter.update(0, 0, 1000);
    meter.update(1000, 100, 1000);
    // At the new speed alone it would be 1 second.
    expect(meter.update(2000, 600, 1000)).toBe(2);
    expect(meter.update(3000, 2000, 1000)).toBe(0);
  });

  test("two reports at once are no speed", () => {
    const meter = new SpeedMeter();
    meter.update(0, 0, 1000);
    expect(meter.update(1, 900, 1000)).toBeNull();
  });

  test("a standstill is unknown, not endless", () => {
    const meter = new SpeedMeter();
    meter.update(0, 100, 1000);
    expect(meter.update(5000, 100, 1000)).toBeNull();
  });
});

test("secret fields of a payload are found, also optional ones", () => {
  const payload = Type.Object({
    name: Type.String(),
    password: SecretString(),
    other: Type.Optional(SecretString({ maxLength: 8 })),
  });
  expect(secretFields(payload)).toEqual(["password", "other"]);
});
