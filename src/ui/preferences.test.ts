import { expect, test } from "bun:test";
import * as server from "../core/http/visitor.ts";
import { languageCookie, themeCookie } from "./preferences.ts";

test("the browser writes the cookies that the server reads", () => {
  expect(languageCookie).toBe(server.languageCookie);
  expect(themeCookie).toBe(server.themeCookie);
});
