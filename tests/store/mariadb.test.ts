import { afterAll, beforeAll } from "bun:test";
import { openStore } from "../../src/core/store/index.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";
import { storeContract } from "../support/store-contract.ts";

let server: TestMariadb;
beforeAll(async () => {
  server = await startMariadb();
}, 90_000);
afterAll(() => server.stop());

storeContract("MariaDB", async () => openStore(await server.database(), { onListenerError: () => {} }));
