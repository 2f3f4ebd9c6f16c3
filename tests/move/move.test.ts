/**
 * From one machine to many, and backups: the compiled executable with a store that has rows in every table, on
 * SQLite and on a real MariaDB.
 */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { clusterIdOf } from "../../src/core/cluster.ts";
import {
  type Column,
  metaOf,
  openStore,
  type Store,
  type StoreConfig,
  type Table,
} from "../../src/core/store/index.ts";
import { Vault } from "../../src/core/vault.ts";
import { builtInPlugins } from "../../src/plugins/index.ts";
import { migrationsOf, tablesOf } from "../../src/program/open-store.ts";
import { executable } from "../support/app.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";

setDefaultTimeout(120_000);

const tables = tablesOf(builtInPlugins);
const sources = migrationsOf(builtInPlugins);
const rowsEach = 230;

let folder = "";
let server: TestMariadb;
/** A data folder with a full store and a master key; copied for each test. */
let full = "";
let folders = 0;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/jimv-move-");
  server = await startMariadb();
  full = newFolder();
  const store = await openStore({ kind: "sqlite", path: join(full, "jimv.sqlite") });
  await store.migrate(sources);
  for (const table of tables)
    await store.batch([
      { op: "insert", table, rows: Array.from({ length: rowsEach }, (_, n) => row(table, n)) },
    ]);
  await clusterIdOf(store);
  await store.batch([], { events: [{ topic: "guest", key: "something" }] });
  await store.close();
  Vault.open(join(full, "master.key"));
  mkdirSync(join(full, "tls"));
  writeFileSync(join(full, "tls", "certificate.pem"), "a certificate\n");
}, 120_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const path = join(folder, String(++folders));
  mkdirSync(path, { mode: 0o711 });
  return path;
}

function copyOfFull(): string {
  const path = newFolder();
  for (const name of ["jimv.sqlite", "master.key"]) copyFileSync(join(full, name), join(path, name));
  return path;
}

/** A row with something in every column, its texts as long as they may be and hard to carry. */
function row(table: Table, n: number): Record<string, string | number | null> {
  const value = (column: Column): string | number | null => {
    switch (column.kind) {
      case "text": {
        const length = column.length ?? 0;
        // Short ones are all number.
        const digits = Math.min(length, 8);
        const text = `${"é😀'\"\\\n<".repeat(30)}`.slice(0, length - digits);
        return text + String(n).padStart(digits, "0").slice(-digits);
      }
      case "longText":
        return n === 3 ? "long ".repeat(50_000) : `text ${n} \u0000 end`;
      case "json":
        return JSON.stringify(n === 4 ? null : { n, text: "é😀", list: [1, null, true] });
      case "bool":
        return n % 2;
      case "integer":
        return n;
      case "bigint":
      case "time":
        return Number.MAX_SAFE_INTEGER - n;
    }
  };
  const isState = (column: Column): boolean => metaOf(table).name === "tasks" && column.key === "state";
  return Object.fromEntries(
    metaOf(table).columns.map((column) => {
      if (isState(column)) return [column.key, n === 0 ? "running" : n === 1 ? "queued" : "succeeded"];
      return [column.key, !column.notNull && n % 5 === 4 ? null : value(column)];
    }),
  );
}

async function jimv(data: string, args: string[], store?: StoreConfig, stdin = "") {
  const config = join(data, "jimv.toml");
  if (store?.kind === "mysql") {
    writeFileSync(join(data, "db-password"), `${store.password}\n`, { mode: 0o600 });
    const lines = [
      "[store]",
      `url = "mysql://${store.user}@${store.host}:${store.port}/${store.database}"`,
      `passwordFile = "${join(data, "db-password")}"`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
  } else writeFileSync(config, "");
  const child = Bun.spawn([executable, ...args, "--data", data, "--config", config], {
    stdin: new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", JIMV_PLUGINS: join(folder, "none") },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

/** All rows of all tables, to be compared. */
async function everything(config: StoreConfig): Promise<Record<string, unknown[]>> {
  const store: Store = await openStore(config);
  try {
    const all: Record<string, unknown[]> = {};
    for (const table of tables) {
      const rows = await store.select(table);
      all[metaOf(table).name] = rows.map((each) => JSON.stringify(each)).sort();
    }
    all.lastEvent = [await store.lastEventSeq()];
    return all;
  } finally {
    await store.close();
  }
}

const sqliteOf = (data: string): StoreConfig => ({ kind: "sqlite", path: join(data, "jimv.sqlite") });

test("no table is forgotten: those described are those that the migrations make", () => {
  const db = new Database(join(full, "jimv.sqlite"), { readonly: true });
  const made = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  db.close();
  const own = ["schema_migrations", "counters", "events", "leases"];
  const described = [...tables.map((table) => metaOf(table).name), ...own];
  expect(made.map(({ name }) => name).sort()).toEqual(described.sort());
});

test("store copy moves every row into MySQL, and the old store is not used any more", async () => {
  const data = copyOfFull();
  const target = await server.database();
  const rehearsed = await jimv(data, ["store", "copy", "--rehearse"], target);
  expect([rehearsed.err, rehearsed.code]).toEqual(["", 0]);
  expect(await everything(target)).toEqual(await everything(sqliteOf(full)));

  expect((await jimv(data, ["store", "copy"], target)).err).toContain("not empty");
  const real = await server.database();
  expect((await jimv(data, ["store", "copy"], real)).code).toBe(0);
  const again = await jimv(data, ["store", "copy"], await server.database());
  expect([again.code, again.err]).toEqual([1, expect.stringContaining("copied into another database")]);
});

test("a copy that is killed half-way is begun anew, and nothing uses the half before", async () => {
  const data = copyOfFull();
  const target = await server.database();
  const child = jimv(data, ["store", "copy"], target);
  // As soon as something is there.
  for (let tries = 0; tries < 600; tries++) {
    const seen = (await server
      .query(`select count(*) as n from ${target.database}.counters where name = 'loading'`)
      .catch(() => [])) as { n: number | bigint }[];
    if (Number(seen[0]?.n ?? 0) > 0) break;
    await Bun.sleep(10);
  }
  await server.kill();
  expect((await child).code).toBe(1);
  await server.start();
  const { err, code } = await jimv(data, ["store", "copy"], target);
  expect([err, code]).toEqual(["", 0]);
  expect(await everything(target)).toEqual(await everything(sqliteOf(full)));
});

test("a backup with a password brings store, key and certificate back on another machine, into MySQL too", async () => {
  const data = copyOfFull();
  mkdirSync(join(data, "tls"));
  copyFileSync(join(full, "tls/certificate.pem"), join(data, "tls/certificate.pem"));
  const file = join(data, "backup.gz");
  const made = await jimv(data, ["backup", "--to", file, "--password-file", "-"], undefined, "open sesame\n");
  expect([made.err, made.code]).toEqual(["", 0]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(join(full, "master.key"), "utf8").trim();
  expect(new TextDecoder().decode(Bun.gunzipSync(readFileSync(file)))).not.toContain(key);

  const before = await everything(sqliteOf(full));
  for (const target of [undefined, await server.database()]) {
    const there = newFolder();
    const wrong = await jimv(there, ["restore", "--from", file, "--password-file", "-"], target, "sesame\n");
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("password is not the one")]);
    const good = await jimv(
      there,
      ["restore", "--from", file, "--password-file", "-"],
      target,
      "open sesame\n",
    );
    expect([good.err, good.code]).toEqual(["", 0]);
    const after = await everything(target ?? sqliteOf(there));
    for (const name of Object.keys(before)) if (name !== "tasks") expect(after[name]).toEqual(before[name]);
    expect(readFileSync(join(there, "master.key"), "utf8").trim()).toBe(key);
    expect(readFileSync(join(there, "tls/certificate.pem"), "utf8")).toBe("a certificate\n");
    // What was under way has no time left; nothing else of the tasks changed.
    const [open, done] = [after.tasks ?? [], before.tasks ?? []].map((rows) =>
      rows.map((text) => JSON.parse(String(text)) as { id: string; state: string; deadlineAt: number }),
    );
    for (const task of open ?? []) {
      const was = done?.find(({ id }) => id === task.id);
      const isOpen = task.state === "queued" || task.state === "running";
      expect(task).toEqual({ ...was, deadlineAt: isOpen ? 0 : was?.deadlineAt } as typeof task);
    }
  }
});

test("a backup without a password has no key, and is refused beside a wrong one", async () => {
  const data = copyOfFull();
  const file = join(data, "backup.gz");
  const { out, code } = await jimv(data, ["backup", "--to", file]);
  expect([code, out]).toEqual([0, expect.stringContaining("master.key")]);
  const there = newFolder();
  expect((await jimv(there, ["restore", "--from", file])).err).toContain("master key");
  Vault.open(join(there, "master.key"));
  expect((await jimv(there, ["restore", "--from", file])).err).toContain("not the key");
  expect(existsSync(join(there, "jimv.sqlite"))).toBe(false);
  copyFileSync(join(full, "master.key"), join(there, "master.key"));
  expect((await jimv(there, ["restore", "--from", file])).code).toBe(0);
});

test("half a file, a changed one and no backup at all are refused before anything is touched", async () => {
  const data = copyOfFull();
  const file = join(data, "backup.gz");
  await jimv(data, ["backup", "--to", file]);
  const bytes = readFileSync(file);
  const text = new TextDecoder().decode(Bun.gunzipSync(bytes));
  const bad: Record<string, Uint8Array | string> = {
    half: bytes.subarray(0, bytes.length / 2),
    "without its end": Bun.gzipSync(text.slice(0, text.lastIndexOf('{"end"'))),
    changed: Bun.gzipSync(text.replace("long long", "lone long")),
    "something else": "no gzip\n",
    "other JSON": Bun.gzipSync('{"a":1}\n'),
  };
  for (const [name, content] of Object.entries(bad)) {
    const there = newFolder();
    copyFileSync(join(full, "master.key"), join(there, "master.key"));
    writeFileSync(join(there, "bad.gz"), content);
    const { code, err } = await jimv(there, ["restore", "--from", join(there, "bad.gz")]);
    expect([name, code, err]).toEqual([
      name,
      1,
      expect.stringMatching(/^jimv: The backup \S+ can't be used: /),
    ]);
    expect(existsSync(join(there, "jimv.sqlite"))).toBe(false);
  }
});
