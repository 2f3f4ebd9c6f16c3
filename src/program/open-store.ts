/** Opens the store of a configuration, waits for a database that is still starting, and brings its tables up to date. */
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import type { Log } from "../core/log/log.ts";
import { coreMigrations, coreTables } from "../core/migrations.ts";
import type { Plugin } from "../core/plugin.ts";
import {
  type MigrationSource,
  openStore,
  refuseUnfit,
  type Store,
  StoreError,
  StoreUnavailableError,
  type Table,
} from "../core/store/index.ts";
import { timing } from "../core/timing.ts";

/** The oldest servers whose SQL and rows JimV keeps to. */
const oldest = { MariaDB: [5, 5], MySQL: [5, 6] } as const;

/** The migrations of core and of plugins. */
export const migrationsOf = (plugins: readonly Plugin[]): MigrationSource[] => [
  ...coreMigrations,
  ...plugins.flatMap((plugin) =>
    plugin.migrations ? [{ name: plugin.name, migrations: plugin.migrations }] : [],
  ),
];

/** The tables of core and of plugins; the store's own are not among them. */
export const tablesOf = (plugins: readonly Plugin[]): Table[] => [
  ...coreTables,
  ...plugins.flatMap((plugin) => plugin.tables ?? []),
];

/**
 * A machine's services start in any order, so a MySQL that doesn't answer yet is waited for, with a word in the
 * log; a wrong password, a store of another version and the like end the start at once.
 * @throws StoreError with a sentence that says what to do, ConfigError
 */
export async function openStorePatiently(
  config: Config,
  sources: readonly MigrationSource[],
  world: { clock: Clock; log: Log },
): Promise<Store> {
  const { clock, log } = world;
  const store = await openStore(storeConnection(config), {
    onListenerError: (error) => log.error("an event listener failed", { error }),
  });
  const giveUpAt = clock.now() + timing.storeStartMilliseconds;
  for (;;) {
    try {
      if (store.dialect === "mysql") refuseOldServer((await store.ping()).version);
      await store.migrate(sources);
      await refuseUnfit(store);
      return store;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || clock.now() >= giveUpAt) {
        await store.close();
        throw error;
      }
      log.warn(`${error.message} Trying again; the start waits for it.`, {
        giveUpAt: new Date(giveUpAt).toISOString(),
      });
      await clock.sleep(timing.storeStartAgainMilliseconds);
    }
  }
}

/** `10.11.6-MariaDB-0+deb12u1`, `5.5.68-MariaDB`, `8.0.36`. @throws StoreError for a server that is too old */
export function refuseOldServer(version: string): void {
  const product = /mariadb/i.test(version) ? "MariaDB" : "MySQL";
  // Some MariaDB servers put MySQL's number before their own, for old clients.
  const number = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version);
  const [major, minor] = [Number(number?.[1]), Number(number?.[2])];
  const [leastMajor, leastMinor] = oldest[product];
  if (!number || major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new StoreError(
    `The database is ${product} ${version}, which is too old: JimV needs ${product} ${leastMajor}.${leastMinor} or newer.`,
  );
}
