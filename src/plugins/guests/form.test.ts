/** The create form and the API's schema say the same, in the form's own fields. */
import { expect, test } from "bun:test";
import { parseForm } from "jimv";
import { GuestForm, keyError, requestOf } from "./form.ts";
import { type GuestState, guestGroups, guestStates } from "./states.ts";

const filled = {
  name: "web",
  templateId: "t1",
  vcpus: "2",
  memoryMiB: "2048",
  diskSizeGiB: "",
  quantity: "3",
  nodeName: "",
  password: "",
  linked: "false",
  start: "true",
  remark: "",
  sshKeys: "",
  size: "2-2048",
};
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@there";

function ask(change: Record<string, string | string[]>) {
  const parsed = parseForm(GuestForm, { ...filled, ...change });
  return parsed.ok ? requestOf(parsed.value) : parsed;
}

test("empty fields are left to the service", () => {
  expect(ask({})).toEqual({
    ok: true,
    value: {
      name: "web",
      templateId: "t1",
      vcpus: 2,
      memoryMiB: 2048,
      quantity: 3,
      linked: false,
      start: true,
    },
  });
});

test("keys come line by line, data disks one field each, an unticked box is false", () => {
  const { start: _, ...unticked } = filled;
  const parsed = parseForm(GuestForm, {
    ...unticked,
    sshKeys: `${key}\r\n\n  ${key} \n`,
    dataDiskGiB: ["10", "", "20"],
  });
  expect(parsed.ok && requestOf(parsed.value)).toMatchObject({
    ok: true,
    value: { sshKeys: [key, key], dataDisks: [{ sizeGiB: 10 }, { sizeGiB: 20 }], start: false },
  });
});

test("what is wrong stands at the form's own field", () => {
  const pathsOf = (change: Record<string, string | string[]>): string[] => {
    const result = ask(change);
    return result.ok ? [] : result.errors.map((error) => error.path.split(".")[0] ?? "");
  };
  expect(pathsOf({ name: "<script>" })).toEqual(["name"]);
  expect(pathsOf({ memoryMiB: "1e9" })).toEqual(["memoryMiB"]);
  expect(pathsOf({ sshKeys: `${key}\nnonsense` })).toEqual(["sshKeys"]);
  expect(pathsOf({ dataDiskGiB: ["0"] })).toEqual(["dataDiskGiB"]);
  expect(pathsOf({ password: "short" })).toEqual(["password"]);
});

test("a bad key is named by its line", () => {
  expect(keyError(`${key}\n\nnonsense but long enough`)?.fields).toEqual([
    { path: "sshKeys", word: "guests.page.badKey", args: { line: 2 } },
  ]);
  expect(keyError(key)).toBeNull();
});

test("every state is in exactly one group of the list", () => {
  const grouped: GuestState[] = Object.values(guestGroups).flat();
  expect([...grouped].sort()).toEqual([...guestStates].sort());
});
