/**
 * One process a data folder. The lock is an open transaction on a small SQLite file, which the kernel lets go
 * of when the process ends, however it ends.
 */
import { Database } from "bun:sqlite";

export class DataLockedError extends Error {
  override readonly name = "DataLockedError";
}

/** Takes the lock, or throws at once. Returns what gives it back. @throws DataLockedError */
export function lockData(path: string): () => void {
  const db = new Database(path, { create: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN EXCLUSIVE");
  } catch {
    db.close();
    throw new DataLockedError(
      `another jimv runs on this data folder (${path} is locked): stop it first, or give another folder with --data`,
    );
  }
  return () => {
    db.run("ROLLBACK");
    db.close();
  };
}
