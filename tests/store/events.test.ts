/** Several controllers write events at once; each reads the others' without ever passing over one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { coreMigrations } from "../../src/core/migrations.ts";
import { openStore, type Store } from "../../src/core/store/index.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";

let server: TestMariadb;
const stores: Store[] = [];
beforeAll(async () => {
  server = await startMariadb();
  const database = await server.database();
  for (let n = 0; n < 3; n++) stores.push(await openStore(database));
  await stores[0]?.migrate(coreMigrations);
}, 90_000);
afterAll(async () => {
  for (const store of stores) await store.close();
  await server.stop();
});

test("a reader meets each event once, in the order of numbers, while two controllers write", async () => {
  const [one, two, reader] = stores as [Store, Store, Store];
  const batches = 150;
  const write = async (store: Store, name: string): Promise<void> => {
    for (let n = 0; n < batches; n++)
      await store.batch([], {
        events: Array.from({ length: 1 + (n % 3) }, () => ({ topic: name, key: `${n}` })),
      });
  };
  let writing = true;
  const written = Promise.all([write(one, "a"), write(one, "b"), write(two, "c"), write(two, "d")]).finally(
    () => {
      writing = false;
    },
  );
  const met: number[] = [];
  let lastLook = false;
  while (!lastLook) {
    lastLook = !writing;
    for (;;) {
      const some = await reader.eventsAfter(met.at(-1) ?? 0, 100);
      if (some.length === 0) break;
      met.push(...some.map((event) => event.seq));
    }
  }
  await written;
  const total = await reader.lastEventSeq();
  expect(total).toBe(batches * 2 * 4);
  expect(met).toEqual(Array.from({ length: total }, (_, index) => index + 1));
}, 60_000);
