import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeContract } from "../../../tests/support/store-contract.ts";
import { snapshotContract } from "../../../tests/support/store-contract-snapshot.ts";
import { contractMigrations, failure, guest, guests } from "../../../tests/support/store-fixtures.ts";
import { insert, openStore } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const nextPath = (): string => join(folder, `${++files}.db`);

storeContract("SQLite", () => openStore({ kind: "sqlite", path: ":memory:" }, { onListenerError: () => {} }));

snapshotContract("SQLite", () =>
  openStore({ kind: "sqlite", path: nextPath() }, { onListenerError: () => {} }),
);

test("only its owner may read the file, whatever it was before", async () => {
  const path = nextPath();
  await Bun.write(path, "");
  const store = await openStore({ kind: "sqlite", path });
  await store.migrate(contractMigrations);
  for (const part of ["", "-wal", "-shm"]) expect(statSync(path + part).mode & 0o777).toBe(0o600);
  await store.close();
});

test("a file can be opened again, with what is in it", async () => {
  const path = nextPath();
  for (let round = 0; round < 2; round++) {
    const store = await openStore({ kind: "sqlite", path });
    await store.migrate(contractMigrations);
    await store.batch([insert(guests, guest(round))], { events: [{ topic: "guest", key: String(round) }] });
    expect([await store.count(guests), await store.lastEventSeq()]).toEqual([round + 1, round + 1]);
    await store.close();
  }
});

test("a folder that isn't there is said in a sentence", async () => {
  const path = join(folder, "nowhere", "store.db");
  expect(String(await failure(openStore({ kind: "sqlite", path })))).toContain(
    "Check that the folder exists",
  );
});

test("another program's lock is waited for, and then it is unavailable", async () => {
  const path = nextPath();
  const one = await openStore({ kind: "sqlite", path });
  await one.migrate(contractMigrations);
  const program = `
    import { Database } from "bun:sqlite";
    const db = new Database(process.argv[1]);
    db.run("BEGIN IMMEDIATE");
    console.log("locked");
    await Bun.sleep(300);
    db.run("COMMIT");
  `;
  const other = Bun.spawn([process.execPath, "-e", program, path], { stdout: "pipe" });
  await other.stdout.getReader().read();
  await one.run(insert(guests, guest(1)));
  expect(await one.count(guests)).toBe(1);
  expect(await other.exited).toBe(0);
  await one.close();
});

test("SIGKILL of the program leaves whole batches, and every one that was answered", async () => {
  const path = nextPath();
  const contract = JSON.stringify(import.meta.resolve("../../../tests/support/store-fixtures.ts"));
  const program = `
    const { contractMigrations, guest, guests } = await import(${contract});
    const { insert, openStore } = await import(${JSON.stringify(import.meta.resolve("./index.ts"))});
    const store = await openStore({ kind: "sqlite", path: process.argv[1] });
    await store.migrate(contractMigrations);
    for (let n = 0; ; n++) {
      const parts = Array.from({ length: 10 }, (_, part) => insert(guests, guest(n + "-" + part, { nodeName: String(n) })));
      await store.batch(parts, { events: [{ topic: "batch", key: String(n) }] });
      process.stdout.write(n + "\\n");
    }
  `;
  const writer = Bun.spawn([process.execPath, "-e", program, path], { stdout: "pipe", stderr: "inherit" });
  let answered = "";
  for await (const chunk of writer.stdout.pipeThrough(new TextDecoderStream())) {
    answered += chunk;
    if (answered.split("\n").length > 20) writer.kill("SIGKILL");
  }
  await writer.exited;
  const store = await openStore({ kind: "sqlite", path });
  await store.migrate(contractMigrations);
  const sizes = await store.countBy(guests, guests.nodeName);
  expect(sizes.size).toBeGreaterThanOrEqual(answered.split("\n").length - 1);
  expect([...sizes.values()].filter((size) => size !== 10)).toEqual([]);
  expect(await store.lastEventSeq()).toBe(sizes.size);
  await store.close();
}, 20_000);
