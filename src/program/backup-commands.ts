/** `jimv backup`, `jimv restore`: the controller's own state as one file; disks of guests are not part of it. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type BackupHeader, backupRows, checkBackup, writeBackup } from "../core/backup.ts";
import { realClock } from "../core/clock.ts";
import { clusterIdOf } from "../core/cluster.ts";
import { type Config, dataFiles } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { inArray, loadSnapshot, openStore, refuseUnfit, SnapshotError, update } from "../core/store/index.ts";
import { openTaskStates } from "../core/tasks/kind.ts";
import { tasks } from "../core/tasks/schema.ts";
import { Vault } from "../core/vault.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { allPlugins, makeDataFolder } from "./controller-side.ts";
import { lockData } from "./lock.ts";
import { migrationsOf, tablesOf } from "./open-store.ts";
import { configOf, readSecret, textOption } from "./options.ts";
import { version } from "./version.ts";

const passwordFile = {
  type: "string",
  value: "FILE",
  help: "file with the password that seals the master key in the backup; - for standard input",
} as const;

export const backupCommand: CommandSpec = {
  name: "backup",
  short: "write the controller's own state into a file, also while JimV runs",
  long: [
    "Writes users, guests, nodes, tasks, settings and all else that the store holds, as of one moment, into one",
    "file. With --password-file the master key and the TLS files go along, sealed with that password; without it",
    "keep the data folder's master.key yourself: passwords in the backup can't be read without it. The guests'",
    "disks are not part of a backup.",
  ].join("\n"),
  options: {
    to: { type: "string", value: "FILE", help: "the file to write; one that is there is replaced" },
    "password-file": passwordFile,
  },
  async run(options) {
    const to = textOption(options, "to");
    if (!to) throw new UsageError("backup needs --to FILE");
    const config = configOf(options);
    const secret = textOption(options, "password-file");
    const password = secret === undefined ? null : await readSecret(secret);
    if (password === "") throw new UsageError("the file of --password-file is empty");
    const { masterKey } = dataFiles(config.data);
    const connection = storeConnection(config);
    if (connection.kind === "sqlite" && !existsSync(connection.path))
      throw new SnapshotError(`There is no store in ${config.data}. Give the data folder with --data.`);
    const plugins = await allPlugins(config);
    const store = await openStore(connection);
    try {
      await refuseUnfit(store);
      const about = {
        version,
        at: realClock.now(),
        clusterId: await clusterIdOf(store),
        keyFingerprint: Vault.open(masterKey).fingerprint,
        secrets: password === null ? null : sealFiles(config, password),
      };
      const rows = await store.snapshot(migrationsOf(plugins), tablesOf(plugins), (snapshot) =>
        writeBackup(to, about, snapshot),
      );
      console.log(`${total(rows)} rows in ${to}`);
      if (password === null)
        console.log(`Keep ${masterKey} beside it: without that key no password in the backup can be read.`);
      return 0;
    } finally {
      await store.close();
    }
  },
};

export const restoreCommand: CommandSpec = {
  name: "restore",
  short: "bring the controller's own state back from a backup",
  long: [
    "Loads a backup into the store of the configuration, which must be empty; SQLite or MySQL, whichever the",
    "backup was made from. Stop all controllers before. Guests run on. What was under way when the backup was",
    "made ends as failed: nobody knows how it went on. Guests that were made later are shown as orphans.",
  ].join("\n"),
  options: {
    from: { type: "string", value: "FILE", help: "the backup" },
    "password-file": passwordFile,
  },
  async run(options) {
    const from = textOption(options, "from");
    if (!from) throw new UsageError("restore needs --from FILE");
    if (!existsSync(from)) throw new UsageError(`there is no file ${from}`);
    const config = configOf(options);
    const secret = textOption(options, "password-file");
    const header = await checkBackup(from);
    makeDataFolder(config.data);
    const unlock = lockData(dataFiles(config.data).lock);
    try {
      restoreFiles(config, header, secret === undefined ? null : await readSecret(secret));
      const plugins = await allPlugins(config);
      const store = await openStore(storeConnection(config));
      try {
        const rows = await loadSnapshot(store, migrationsOf(plugins), header, backupRows(from));
        await store.migrate(migrationsOf(plugins));
        // Their time is up: the first controller that leads ends them in good order.
        await store.run(update(tasks, { deadlineAt: 0 }, inArray(tasks.state, openTaskStates)));
        console.log(
          `${total(Object.fromEntries(rows))} rows of ${new Date(header.at).toISOString()} are back. Start JimV.`,
        );
        return 0;
      } finally {
        await store.close();
      }
    } finally {
      unlock();
    }
  },
};

const total = (rows: Readonly<Record<string, number>>): number =>
  Object.values(rows).reduce((sum, n) => sum + n, 0);

/** The data folder's secret files that belong to the controller, sealed. */
function sealFiles(config: Config, password: string): BackupHeader["secrets"] {
  const { masterKey, tls } = dataFiles(config.data);
  const paths = [masterKey, ...(existsSync(tls) ? readdirSync(tls).map((name) => join(tls, name)) : [])];
  const files = Object.fromEntries(
    paths.map((path) => [relative(config.data, path), readFileSync(path, "utf8")]),
  );
  const salt = randomBytes(16);
  return { salt: salt.toString("hex"), sealed: Vault.ofPassword(password, salt).seal(JSON.stringify(files)) };
}

/** Sees to it that the data folder has the master key of the backup. @throws SnapshotError */
function restoreFiles(config: Config, header: BackupHeader, password: string | null): void {
  const { masterKey } = dataFiles(config.data);
  if (header.secrets && password !== null)
    for (const [name, text] of Object.entries(openFiles(header.secrets, password))) {
      const path = join(config.data, name);
      if (existsSync(path)) continue;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, text, { mode: 0o600 });
    }
  if (!existsSync(masterKey))
    throw new SnapshotError(
      header.secrets
        ? "The backup's master key is sealed: give its password with --password-file."
        : `The backup has no master key: put the one that belongs to it to ${masterKey} (mode 0600) first.`,
    );
  if (Vault.open(masterKey).fingerprint !== header.keyFingerprint)
    throw new SnapshotError(
      `${masterKey} is not the key that this backup's secrets are sealed with. Put the right one there, or move ` +
        "this one away and give --password-file.",
    );
}

function openFiles(
  { salt, sealed }: NonNullable<BackupHeader["secrets"]>,
  password: string,
): Record<string, string> {
  try {
    const text = Vault.ofPassword(password, Buffer.from(salt, "hex")).unseal(sealed);
    return JSON.parse(text) as Record<string, string>;
  } catch {
    throw new SnapshotError("The password is not the one that the backup was sealed with.");
  }
}
