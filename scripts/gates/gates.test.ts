/** Each gate must be seen to close: a planted fault makes it fail, and for the reason planted. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.ts";

// Inside the repository, so that the tools find their configuration.
mkdirSync(".cache", { recursive: true });
const folder = mkdtempSync(".cache/gates-");
afterAll(() => rmSync(folder, { recursive: true }));

function plant(path: string, text: string): void {
  const full = join(folder, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, text);
}

const gate = (name: string, ...args: string[]) =>
  run([process.execPath, `scripts/gates/${name}.ts`, ...args]);

test("tidy refuses markers, any, and tests that don't run", async () => {
  const marker = ["TO", "DO"].join("");
  plant("tidy/a.ts", `// ${marker} later\nexport const a = 1 as ${"any"};\n`);
  plant("tidy/b.test.ts", `test.${"skip"}("x", () => {});\n`);
  const { code, err } = await gate("tidy", join(folder, "tidy"));
  expect(code).toBe(1);
  for (const line of ["a.ts:1", "a.ts:2", "b.test.ts:1"]) expect(err).toContain(line);
});

test("words refuses unused keys, other places, and keys without a text", async () => {
  const core = join(process.cwd(), "src/core/words.ts");
  plant(
    "words/words.ts",
    `import { defineWords } from ${JSON.stringify(core)};
export const words = defineWords({
  en: { "x.used": "Hello {name}", "x.unused": "Nobody" },
  "zh-CN": { "x.used": "你好", "x.unused": "无" },
});\n`,
  );
  plant("words/page.ts", 'say("x.used"); say("x.missing");\n');
  const { code, err } = await gate("words", join(folder, "words"));
  expect(code).toBe(1);
  expect(err).toContain('"x.unused" is used nowhere');
  expect(err).toContain('"x.used" has other places');
  expect(err).toContain('no text for "x.missing"');
});

test("plugins refuses a folder without index, odd names, and a name that is not the folder's", async () => {
  plant("plugins/one/service.ts", "export {};\n");
  plant("plugins/two/index.ts", 'export const p = definePlugin({ name: "three" });\n');
  plant("plugins/two/utils.ts", "export {};\n");
  plant("plugins/two/pages.tsx", "export {};\n");
  const { code, err } = await gate("plugins", join(folder, "plugins"));
  expect(code).toBe(1);
  for (const part of [
    "one: has no index.ts",
    '"utils.ts" is not a name',
    "pages but no words",
    'define the plugin "two"',
  ])
    expect(err).toContain(part);
});

/** What a plugin registers, in a file that is not the one where readers look for it. */
const misplaced: [file: string, text: string, refusal: string][] = [
  [
    "service.ts",
    'web.api({ path: "/x" });',
    "service.ts: API routes and sockets belong in a file named routes",
  ],
  [
    "pages.tsx",
    'web.api({ path: "/x" });',
    "pages.tsx: API routes and sockets belong in a file named routes",
  ],
  ["routes.ts", 'web.page({ path: "/x" });', "routes.ts: pages and forms belong in a file named pages"],
  ["form.ts", "web.form(spec);", "form.ts: pages and forms belong in a file named pages"],
  ["routes-list.ts", 'web.live({ name: "x" });', "routes-list.ts: live views belong in a file named live or"],
  ["power.ts", "context.operation(kind, fn);", "power.ts: operations belong in a file named operations"],
  ["index.ts", "context.undo(name, fn);", "index.ts: operations belong in a file named operations"],
  ["contract.ts", 'const t = table("x", {});', "contract.ts: tables belong in a file named schema"],
  ["text.ts", "defineWords({});", "text.ts: words belong in a file named words"],
  ["kinds.ts", "taskKind({});", "kinds.ts: kinds of tasks belong in a file named tasks"],
];

test("plugins refuses what is registered in another file than the house's", async () => {
  for (const [file, text] of misplaced) plant(`misplaced/odd/${file}`, `${text}\n`);
  // The same in their places, also in parts of what grew, and a word in a longer name.
  const placed = {
    "routes.ts": "web.api({});",
    "joining-routes.ts": "web.api({});",
    "pages.tsx": "web.page({}); web.live({});",
    "pages-list.tsx": "web.form({});",
    "live.tsx": "web.live({});",
    "operations.ts": "context.operation(kind, fn); context.undo(name, fn);",
    "power-operations.ts": "context.operation(kind, fn);",
    "words-pages.ts": "export const w = { keys: [] };",
    "words.ts": "export {};",
    "index.ts": 'definePlugin({ name: "even" }); Stable();',
    "service.test.ts": "web.api({}); web.page({});",
  };
  for (const [file, text] of Object.entries(placed)) plant(`placed/even/${file}`, `${text}\n`);
  const odd = await gate("plugins", join(folder, "misplaced"));
  for (const [, , refusal] of misplaced) expect(odd.err).toContain(refusal);
  expect(odd.code).toBe(1);
  const even = await gate("plugins", join(folder, "placed"));
  expect(even.err).toBe("");
  expect(even.code).toBe(0);
});

test("walls fails when it sees too few modules", async () => {
  plant("walls/a.ts", "export const a = 1;\n");
  const { code, err } = await gate("walls", join(folder, "walls"));
  expect(code).toBe(1);
  expect(err).toContain("the tool is blind");
});

/** What is put into real rooms, and what the gate must say of it. A file that nobody imports makes no circle. */
const trespasses: { room: string; text: string; refusals: string[] }[] = [
  {
    room: "src/core/config",
    text: 'import "../../plugins/guests/index.ts";',
    refusals: ["core-knows-no-feature: … -> src/plugins/guests/index.ts"],
  },
  {
    room: "src/core/tasks",
    text: 'export const later = () => import("../../plugins/nodes/index.ts");',
    refusals: ["core-knows-no-feature: … -> src/plugins/nodes/index.ts"],
  },
  {
    room: "src/core/road",
    text: 'import type { GuestView } from "../../plugins/guests/index.ts";\nexport type Mine = GuestView;',
    refusals: ["core-knows-no-feature: … -> src/plugins/guests/index.ts"],
  },
  {
    room: "src/core/log",
    text: 'import "./nowhere.ts";\nimport "../../../tests/support/app.ts";',
    refusals: ["nothing-missing: … -> ./nowhere.ts", "no-tests-in-the-program: … -> tests/support/app.ts"],
  },
  {
    room: "src/ui",
    text: 'import "../plugins/guests/index.ts";',
    refusals: ["ui-knows-core-only: … -> src/plugins/guests/index.ts"],
  },
  {
    room: "src/plugins/guests",
    text: 'import "../nodes/service.ts";',
    refusals: ["plugins-see-the-face: … -> src/plugins/nodes/service.ts"],
  },
  {
    room: "src/plugins/disks",
    text: 'import "../../core/tasks/desk.ts";',
    refusals: ["plugins-see-the-face: … -> src/core/tasks/desk.ts"],
  },
  {
    room: "src/plugins/tasks",
    text: 'import "mysql2";\nimport "bun:ffi";',
    refusals: [
      "plugins-bring-no-packages: … -> mysql2",
      "drizzle-in-its-room: … -> mysql2",
      "ffi-in-its-room: … -> bun:ffi",
    ],
  },
  {
    room: "src/program",
    text: 'import "../plugins/guests/service.ts";\nimport "elysia";',
    refusals: [
      "plugins-are-entered-by-their-index: … -> src/plugins/guests/service.ts",
      "elysia-in-its-room: … -> elysia",
    ],
  },
];

test("walls closes on every import that goes through one, and on nothing else", async () => {
  const copy = join(folder, "house");
  for (const part of ["src", "tests", "scripts/gates", "tsconfig.json", "package.json"])
    cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  for (const { room, text } of trespasses) plant(`house/${room}/planted.ts`, `${text}\n`);
  plant("house/src/core/store/planted.ts", 'import "./planted-too.ts";\n');
  plant("house/src/core/store/planted-too.ts", 'import "./planted.ts";\n');

  const { code, out, err } = await run([process.execPath, "scripts/gates/walls.ts"], copy);
  const expected = [
    ...trespasses.flatMap(({ room, refusals }) =>
      refusals.map((refusal) => refusal.replace("…", `${room}/planted.ts`)),
    ),
    "no-circles: src/core/store/planted-too.ts -> src/core/store/planted.ts",
  ];
  // Of a package only its name matters here.
  const said = err.replaceAll(/\S*node_modules\/(\w+)\/\S*/g, "$1");
  expect(said.trim().split("\n").sort()).toEqual(expected.sort());
  expect(code).toBe(1);
  // It looked at the whole house.
  const sources = [...new Bun.Glob("src/**/*.{ts,tsx}").scanSync(copy)].length;
  expect(Number(/walls: (\d+) modules/.exec(out)?.[1])).toBeGreaterThanOrEqual(sources);
}, 60_000);

test("executable refuses what needs newer symbols or holds an addon", async () => {
  const own = await gate("executable", "/bin/true");
  const text = own.out + own.err;
  // Debian 12's coreutils need a glibc newer than 2.17.
  expect(own.code).toBe(1);
  expect(text).toContain("the highest allowed is GLIBC_2.17");
  const addon = Buffer.concat([
    Buffer.from(await Bun.file(process.execPath).arrayBuffer()),
    Buffer.from(await Bun.file("/lib/x86_64-linux-gnu/libc.so.6").arrayBuffer()),
  ]);
  writeFileSync(join(folder, "with-addon"), addon);
  const { code, err } = await gate("executable", join(folder, "with-addon"));
  expect(code).toBe(1);
  expect(err).toContain("native addon");
});
