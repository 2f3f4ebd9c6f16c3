import { describe, expect, test } from "bun:test";
import { type CommandSpec, commandHelp, overview, parseCommand, UsageError } from "./commands.ts";

const commands: CommandSpec[] = [
  { name: "standalone", short: "run", long: "Runs.", options: {}, run: async () => 0 },
  {
    name: "token create",
    short: "make a token",
    long: "Makes one.",
    options: { name: { type: "string", value: "NAME", help: "its name" } },
    run: async () => 0,
  },
];

describe("parseCommand", () => {
  test("finds commands of one and two words, options before and after", () => {
    expect(parseCommand(commands, ["standalone", "--data", "/d"])).toMatchObject({
      command: { name: "standalone" },
      options: { data: "/d" },
    });
    expect(parseCommand(commands, ["--data", "standalone", "token", "create", "--name=x"])).toMatchObject({
      command: { name: "token create" },
      options: { data: "standalone", name: "x" },
    });
    expect(parseCommand(commands, ["--version"])).toMatchObject({
      command: null,
      options: { version: true },
    });
  });

  test.each([
    [["nonsense"]],
    [["token"]],
    [["standalone", "--name", "x"]],
    [["standalone", "extra"]],
    [["standalone", "--data"]],
  ])("refuses %j", (args) => {
    expect(() => parseCommand(commands, args)).toThrow(UsageError);
  });
});

test("help names every command and option", () => {
  const text = overview(commands, "1.2.3");
  for (const word of ["1.2.3", "standalone", "token create", "--data DIR", "--listen ADDR:PORT"])
    expect(text).toContain(word);
  expect(commandHelp(commands[1] as CommandSpec)).toContain("--name NAME");
});
