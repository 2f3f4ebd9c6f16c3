/**
 * What every dialect of the store must do, as one suite: `src/core/store/store.test.ts` runs it on SQLite,
 * `tests/store/mariadb.test.ts` on a real MariaDB.
 */
import type { Store } from "../../src/core/store/index.ts";
import { batchesContract } from "./store-contract-batches.ts";
import { logContract } from "./store-contract-log.ts";
import { rowsContract } from "./store-contract-rows.ts";

/** Declares the tests. `open` gives an empty store each time; it is migrated and closed by them. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  rowsContract(name, open);
  batchesContract(name, open);
  logContract(name, open);
}
