/** The store's suites on a real MariaDB, and what only a server can do to us: die, hang, deadlock, refuse. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  asc,
  eq,
  insert,
  openStore,
  plus,
  type Store,
  StoreUnavailableError,
  update,
} from "../../src/core/store/index.ts";
import { openMysql } from "../../src/core/store/mysql.ts";
import { storeTables } from "../../src/core/store/tables.ts";
import { timing } from "../../src/core/timing.ts";
import { forbiddenIn } from "../support/forbidden-sql.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";
import { migrationContract, migrationSources } from "../support/migration-contract.ts";
import { describeMariadb, tablesMatchMigrations } from "../support/schema.ts";
import { storeContract } from "../support/store-contract.ts";
import { snapshotContract } from "../support/store-contract-snapshot.ts";
import {
  contractMigrations,
  contractTables,
  failure,
  guest,
  guests,
  leaves,
} from "../support/store-fixtures.ts";

let server: TestMariadb;
beforeAll(async () => {
  server = await startMariadb();
  await server.query("set global log_output = 'TABLE'");
  await server.query("set global general_log = ON");
}, 90_000);
afterAll(() => server.stop());

const opened: Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});
type Config = Awaited<ReturnType<TestMariadb["database"]>>;
async function storeAt(config: Config): Promise<Store> {
  const store = await openStore(config, { onListenerError: () => {} });
  opened.push(store);
  return store;
}
async function migrated(): Promise<{ config: Config; store: Store }> {
  const config = await server.database();
  const store = await storeAt(config);
  await store.migrate(contractMigrations);
  return { config, store };
}

test("a page is found in its index, also after rows have changed: a server forgets of a prepared statement that it may", async () => {
  const { store } = await migrated();
  const rows = Array.from({ length: 3_000 }, (_, n) => guest(n, { nameKey: `guest ${10_000 + n}` }));
  await store.run(insert(guests, rows));
  const page = (): Promise<string[]> =>
    store.values(guests, guests.uuid, { orderBy: asc(guests.nameKey), limit: 3, offset: 1_000 });
  const sorted = async (): Promise<number> => {
    const [row] = await server.query("show global status like 'Sort_rows'");
    return Number((row as { Value: string }).Value);
  };
  const before = await sorted();
  for (const state of ["running", "off", "running"] as const) {
    expect(await page()).toEqual(["uuid-1000", "uuid-1001", "uuid-1002"]);
    await store.run(update(guests, { state }, "all"));
  }
  expect(await page()).toEqual(["uuid-1000", "uuid-1001", "uuid-1002"]);
  expect((await sorted()) - before).toBe(0);
});

test("different values are found without a look at each row", async () => {
  const { store, config } = await migrated();
  const rows = Array.from({ length: 3_000 }, (_, n) => guest(n, { nodeName: `node-${n % 3}` }));
  await store.run(insert(guests, rows));
  await server.query(`analyze table ${config.database}.guests`);
  const steps = async (): Promise<number> => {
    const found = await server.query("show global status like 'Handler_read%'");
    return found.reduce<number>((sum, row) => sum + Number((row as { Value: string }).Value), 0);
  };
  const before = await steps();
  expect((await store.distinct(guests, guests.nodeName)).sort()).toEqual(["node-0", "node-1", "node-2"]);
  expect((await steps()) - before).toBeLessThan(100);
});

storeContract("MariaDB", async () => openStore(await server.database(), { onListenerError: () => {} }));

snapshotContract("MariaDB", async () => openStore(await server.database(), { onListenerError: () => {} }));

migrationContract("MariaDB", async () => {
  const config = await server.database();
  const { database } = config;
  return {
    config,
    engine: () => openMysql(config),
    async look() {
      const found = await server.query(
        `select table_name from information_schema.tables where table_schema = '${database}'`,
      );
      const names = found.flatMap((row) => Object.values(row as object).map(String)).sort();
      const rows = await server.query(`select * from ${database}.first`);
      return {
        tables: (await describeMariadb(server, database, names)).sort(),
        rows: rows.map((row) => Object.values(row as object)),
      };
    },
  };
});

test("everything said to the server is SQL that MariaDB 5.5 understands", async () => {
  const rows = await server.query(
    "select command_type as kind, convert(argument using utf8mb4) as said from mysql.general_log " +
      "where user_host like 'jimv%' and command_type in ('Prepare', 'Query')",
  );
  const said = new Set(rows.map((row) => String(Reflect.get(row as object, "said"))));
  await server.query("set global general_log = OFF");
  expect(said.size).toBeGreaterThan(50);
  expect([...said].some((sql) => sql.startsWith("insert into"))).toBe(true);
  expect([...said].filter((sql) => forbiddenIn(sql) !== undefined)).toEqual([]);
  // Values never become part of the SQL.
  expect([...said].filter((sql) => sql.includes("DROP TABLE guests"))).toEqual([]);
});

test("described and migrated tables are the same", async () => {
  await tablesMatchMigrations(contractTables, contractMigrations, server);
  await tablesMatchMigrations(storeTables, [{ name: "nothing-more", migrations: [] }], server);
});

test("several controllers: events are numbered without gap, and nobody sees a smaller number late", async () => {
  const { config, store } = await migrated();
  const controllers = [store, await storeAt(config), await storeAt(config)];
  const heard = controllers.map((each) => {
    const seqs: number[] = [];
    each.onEvents((events) => seqs.push(...events.map((event) => event.seq)));
    return seqs;
  });
  const total = 150;
  const reader = await storeAt(config);
  const seen: number[] = [];
  const writing = Array.from({ length: total }, (_, n) => {
    const row = insert(guests, guest(n));
    return (controllers[n % 3] ?? store).batch([row], { events: [{ topic: "guest", key: String(n) }] });
  });
  for (const until = Date.now() + 20_000; seen.length < total && Date.now() < until; )
    seen.push(...(await reader.eventsAfter(seen.at(-1) ?? 0, 7)).map((event) => event.seq));
  await Promise.all(writing);
  expect(seen).toEqual(Array.from({ length: total }, (_, n) => n + 1));
  for (const seqs of heard) expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  expect(heard.flat().sort((a, b) => a - b)).toEqual(seen);
}, 30_000);

test("batches that lock each other's rows all succeed", async () => {
  const { config, store } = await migrated();
  const other = await storeAt(config);
  await store.run(
    insert(
      leaves,
      [0, 1, 2, 3].map((n) => ({ node: "n", key: String(n), hits: 0 })),
    ),
  );
  const hit = (key: string) =>
    update(leaves, { hits: plus(leaves.hits, 1) }, eq(leaves.key, key), { expect: 1 });
  const orders = [
    ["0", "1", "2", "3"],
    ["3", "2", "1", "0"],
    ["2", "0", "3", "1"],
  ];
  const batches = Array.from({ length: 60 }, (_, n) => (orders[n % 3] ?? []).map(hit));
  await Promise.all(batches.map((batch, n) => (n % 2 ? store : other).batch(batch)));
  const rows = await store.select(leaves, { orderBy: asc(leaves.key) });
  expect(rows.map((row) => row.hits)).toEqual([60, 60, 60, 60]);
}, 60_000);

test("clients of three controllers race for a port, and none is given twice", async () => {
  const { config, store } = await migrated();
  const controllers = [store, await storeAt(config), await storeAt(config)];
  const taken = await Promise.all(
    Array.from({ length: 50 }, async (_, client) => {
      for (let port = 1; port <= 20; port++) {
        const statement = insert(guests, guest(client, { vncPort: port }));
        const error = await (controllers[client % 3] ?? store)
          .run(statement)
          .catch((reason: unknown) => reason);
        if (error === undefined) return port;
        expect(error).toMatchObject({ name: "StoreUniqueError", index: "guests_vnc" });
      }
      return undefined;
    }),
  );
  const given = taken.filter((port) => port !== undefined).sort((a, b) => a - b);
  expect(given).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
}, 60_000);

test("SIGKILL of the server in the middle of batches leaves nothing half-written", async () => {
  const { store } = await migrated();
  let unknown = 0;
  let refused = 0;
  const done = new Set<number>();
  let next = 0;
  const writer = async (until: () => boolean): Promise<void> => {
    while (!until()) {
      const n = next++;
      const rows = Array.from({ length: 20 }, (_, part) => guest(`${n}-${part}`, { nodeName: `batch-${n}` }));
      try {
        await store.batch(
          rows.map((row) => insert(guests, row)),
          { events: [{ topic: "batch", key: String(n) }] },
        );
        done.add(n);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreUnavailableError);
        if (error instanceof StoreUnavailableError && error.maybeCommitted) unknown++;
        else refused++;
        await Bun.sleep(10);
      }
    }
  };
  for (let round = 0; round < 4; round++) {
    let over = false;
    const writers = Array.from({ length: 6 }, () => writer(() => over));
    const before = done.size;
    while (done.size < before + 5 + 3 * round) await Bun.sleep(5);
    await server.kill();
    const unreachable = await failure(store.count(guests));
    expect(unreachable).toBeInstanceOf(StoreUnavailableError);
    expect(String(unreachable)).toContain("can't be reached");
    await server.start();
    // The very next query is answered.
    expect(await store.count(guests)).toBeGreaterThan(0);
    over = true;
    await Promise.all(writers);
  }
  const sizes = await store.countBy(guests, guests.nodeName);
  expect([...sizes.values()].filter((size) => size !== 20)).toEqual([]);
  for (const n of done) expect(sizes.get(`batch-${n}`)).toBe(20);
  expect(sizes.size).toBeGreaterThanOrEqual(done.size);
  expect(sizes.size).toBeLessThanOrEqual(done.size + unknown);
  expect(refused + unknown).toBeGreaterThan(0);
  // As many events as batches, without a gap.
  const events = await store.eventsAfter(0, 100_000);
  expect(events.map((event) => event.seq)).toEqual(Array.from({ length: sizes.size }, (_, n) => n + 1));
  expect(new Set(events.map((event) => `batch-${event.key}`))).toEqual(new Set(sizes.keys()));
}, 90_000);

test("a migration survives SIGKILL of the server at any moment", async () => {
  let cut = 0;
  for (let round = 0; round < 8; round++) {
    const config = await server.database();
    const store = await storeAt(config);
    await store.ping();
    const outcome = store.migrate(migrationSources).catch(() => cut++);
    await Bun.sleep(4 * round);
    await server.kill();
    await outcome;
    await server.start();
    await store.migrate(migrationSources);
    const rows = await server.query(`select id, n from ${config.database}.first`);
    expect(rows.map((row) => Object.values(row as object))).toEqual([[1, 11]]);
  }
  expect(cut).toBeGreaterThan(0);
}, 90_000);

test("connections that the server ended are replaced without an error", async () => {
  const { config, store } = await migrated();
  await Promise.all(Array.from({ length: 10 }, () => store.count(guests)));
  const mine = await server.query(
    `select id from information_schema.processlist where db = '${config.database}'`,
  );
  expect(mine.length).toBeGreaterThan(1);
  for (const row of mine) await server.query(`kill ${Object.values(row as object)[0]}`);
  await store.run(insert(guests, guest(1)));
  expect(await Promise.all(Array.from({ length: 10 }, () => store.count(guests)))).toEqual(Array(10).fill(1));
});

test("a server that hangs makes queries fail in time, and is used again when it wakes", async () => {
  const { store } = await migrated();
  const { pid } = server;
  process.kill(pid, "SIGSTOP");
  try {
    const started = Date.now();
    const errors = await Promise.all([
      failure(store.count(guests)),
      failure(store.run(insert(guests, guest(1)))),
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(Date.now() - started).toBeLessThan(
      timing.storeQueryMilliseconds + timing.storeAcquireMilliseconds + 2_000,
    );
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await store.run(insert(guests, guest(2)));
  expect(await store.count(guests, eq(guests.uuid, "uuid-2"))).toBe(1);
}, 60_000);

test("wrong passwords and databases are said in a sentence, without the password", async () => {
  const config = await server.database();
  const wrong = await storeAt({ ...config, password: "not this one" });
  const error = await failure(wrong.ping());
  expect(String(error)).toContain('refuses user "jimv"');
  expect(String(error)).not.toContain("not this one");
  const nowhere = await storeAt({ ...config, database: "nowhere" });
  expect(String(await failure(nowhere.ping()))).toContain("Unknown database");
  const silent = await storeAt({ ...config, port: 1 });
  expect(await failure(silent.ping())).toBeInstanceOf(StoreUnavailableError);
});

test("the lease runs out by the server's clock", async () => {
  const { store } = await migrated();
  expect(await store.leases.acquire("leader", "one", 2_000)).toBe(1);
  expect(await store.leases.acquire("leader", "two", 2_000)).toBeNull();
  let epoch: number | null = null;
  const until = Date.now() + 10_000;
  while (epoch === null && Date.now() < until) {
    await Bun.sleep(100);
    epoch = await store.leases.acquire("leader", "two", 60_000);
  }
  expect(epoch).toBe(2);
});

test("works where the server keeps a statement-based binary log", async () => {
  const logging = await startMariadb(["--log-bin=bin", "--binlog-format=STATEMENT", "--server-id=1"]);
  try {
    const [format] = await logging.query("select concat(@@log_bin, @@binlog_format)");
    expect(Object.values(format as object)).toEqual(["ONSTATEMENT"]);
    const store = await storeAt(await logging.database());
    await store.migrate(contractMigrations);
    await store.batch([insert(guests, guest(1))], { events: [{ topic: "guest", key: "1" }] });
    expect(await store.count(guests)).toBe(1);
  } finally {
    await logging.stop();
  }
}, 60_000);
