/** What a list's address says, and links that change a part of it. */
import { expect, test } from "bun:test";
import { listAddress } from "./parts/list.tsx";

const list = listAddress({
  path: "/things",
  shows: ["all", "bad"],
  sorts: ["name", "createdAt"],
  sort: "-createdAt",
});
const read = (query: string) => list.read(new URL(`http://localhost/things${query}`));

test("an address says filter, segment, order and page", () => {
  expect(read("?q=web&show=bad&sort=-name&page=3")).toEqual({
    q: "web",
    show: "bad",
    sort: "-name",
    page: 3,
  });
});

test("what makes no sense counts as not said", () => {
  for (const query of ["", "?show=none&sort=1%3Bdrop&page=0", "?page=1.5", "?page=99999999&sort=--name"])
    expect(read(query)).toEqual({ q: "", show: "all", sort: "-createdAt", page: 1 });
  expect(read(`?q=${"x".repeat(500)}`).q).toHaveLength(200);
});

test("a link keeps the rest and begins at the first page", () => {
  const state = read("?q=a%26b&show=bad&page=4");
  expect(list.href(state, { sort: "name" })).toBe("/things?q=a%26b&show=bad&sort=name");
  expect(list.href(state, { page: 5 })).toBe("/things?q=a%26b&show=bad&page=5");
  expect(list.href(state, { q: "", show: "all" })).toBe("/things");
  expect(list.read(new URL(list.href(state, { page: 2 }), "http://localhost"))).toEqual({
    ...state,
    page: 2,
  });
});

test("the key of a list's live view says what was asked for, and nothing of the plain list", () => {
  expect(list.view("things", read(""))).toBe("things:");
  const state = read("?q=a%26b%3D%3A&show=bad&sort=name&page=2");
  const [, key = ""] = /^things:(.*)$/.exec(list.view("things", state)) ?? [];
  expect(list.ofView(key)).toEqual(state);
  expect(list.ofView(null)).toEqual(read(""));
});

test("only the whole list from its top is plain", () => {
  expect(list.isPlain(read(""))).toBe(true);
  for (const query of ["?q=x", "?show=bad", "?sort=name", "?page=2"])
    expect(list.isPlain(read(query))).toBe(false);
});
