import { expect, test } from "bun:test";
import { StoreError } from "../core/store/index.ts";
import { refuseOldServer } from "./open-store.ts";

test.each([
  "10.11.6-MariaDB-0+deb12u1",
  "5.5.68-MariaDB",
  "5.5.5-10.5.1-MariaDB-log",
  "8.0.36",
  "5.7.44-log",
])("%s is new enough", (version) => {
  expect(() => refuseOldServer(version)).not.toThrow();
});

test.each(["5.3.12-MariaDB", "5.5.62", "5.1.73-log"])("%s is refused with a sentence", (version) => {
  expect(() => refuseOldServer(version)).toThrow(StoreError);
  expect(() => refuseOldServer(version)).toThrow(version);
});
