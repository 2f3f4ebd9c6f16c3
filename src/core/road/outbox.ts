/**
 * A node's own memory, one small SQLite file: reports that the controller has not applied yet, and the
 * journal of steps that a task has begun. Both survive SIGKILL, and a task's end is written together
 * with the end of its journal.
 *
 * This is not the cluster's store: it must work before any controller is reachable, so it has its own
 * few statements.
 */
import { Database } from "bun:sqlite";
import { chmodSync } from "node:fs";
import type { Clock } from "../clock.ts";
import type { Envelope, ReportBody } from "./contract.ts";

/** Sequences are promised in blocks, so that latest-only reports cost no write; a restart skips the rest. */
const sequenceBlock = 10_000;
/** Durable reports handed to the road at once. */
const deliverLimit = 200;

export interface JournalEntry {
  id: number;
  taskId: string;
  /** Which undo takes it back, and with what. */
  name: string;
  args: Record<string, string>;
}

interface OutboxRow {
  sequence: number;
  at: number;
  kind: string;
  body: string;
}

interface JournalRow {
  id: number;
  task_id: string;
  name: string;
  args: string;
}

export class Outbox {
  readonly generation: string;
  private readonly db: Database;
  private next: number;
  private promised: number;
  private readonly latest = new Map<string, OutboxRow>();
  private closed = false;
  private readonly listeners = new Set<() => void>();

  /** `path` may be `:memory:`. The file is made where it is missing, mode 0600. */
  constructor(
    path: string,
    private readonly clock: Clock,
    private readonly node: string,
    /** Hears when the file can't be written. */
    private readonly onTrouble: (error: unknown) => void = () => {},
  ) {
    this.db = new Database(path, { create: true, strict: true });
    if (path !== ":memory:") chmodSync(path, 0o600);
    this.db.run("PRAGMA journal_mode = WAL");
    this.db.run("PRAGMA synchronous = NORMAL");
    this.db.run("PRAGMA busy_timeout = 5000");
    this.db.run("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
    this.db.run(
      "CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)",
    );
    this.db.run(
      "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL)",
    );
    this.generation = this.meta("generation") ?? this.setMeta("generation", Bun.randomUUIDv7());
    this.next = Number(this.meta("sequence") ?? "1");
    this.promised = this.next;
  }

  private meta(key: string): string | null {
    const row = this.db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
    return row?.value ?? null;
  }

  private setMeta(key: string, value: string): string {
    this.db
      .query(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      )
      .run(key, value);
    return value;
  }

  private takeSequence(): number {
    if (this.next >= this.promised) {
      try {
        this.setMeta("sequence", String(this.next + sequenceBlock));
        this.promised = this.next + sequenceBlock;
      } catch (error) {
        // The disk is full: the promise is tried again with the next report.
        this.onTrouble(error);
      }
    }
    return this.next++;
  }

  onAdded(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Adds a report. With `latestKey` it replaces an undelivered one of that key and is kept in memory only. */
  add(kind: string, body: ReportBody, latestKey?: string): void {
    if (this.closed) return;
    const row: OutboxRow = {
      sequence: this.takeSequence(),
      at: this.clock.now(),
      kind,
      body: JSON.stringify(body),
    };
    if (latestKey !== undefined) this.latest.set(latestKey, row);
    else
      try {
        this.write(row);
      } catch (error) {
        // The disk is full, perhaps by the very copy that is reported on: better told from memory than not at all.
        this.onTrouble(error);
        this.latest.set(`unsaved:${row.sequence}`, row);
      }
    this.announce();
  }

  private write(row: OutboxRow): void {
    this.db
      .query("INSERT INTO outbox (sequence, at, kind, body) VALUES (?, ?, ?, ?)")
      .run(row.sequence, row.at, row.kind, row.body);
  }

  private announce(): void {
    for (const listener of this.listeners) listener();
  }

  /** Reports after `sequence`, in order. No later one is handed out before an earlier one. */
  pending(after: number, sender: Pick<Envelope, "incarnation" | "machine">): Envelope[] {
    if (this.closed) return [];
    const durable = this.db
      .query<OutboxRow, [number, number]>(
        "SELECT sequence, at, kind, body FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?",
      )
      .all(after, deliverLimit);
    const end = durable.length === deliverLimit ? (durable.at(-1)?.sequence ?? 0) : Number.MAX_SAFE_INTEGER;
    const latest = [...this.latest.values()].filter((row) => row.sequence > after && row.sequence <= end);
    return [...durable, ...latest]
      .sort((a, b) => a.sequence - b.sequence)
      .map((row) => ({
        node: this.node,
        generation: this.generation,
        sequence: row.sequence,
        ...sender,
        at: row.at,
        kind: row.kind,
        body: JSON.parse(row.body) as ReportBody,
      }));
  }

  /** The road has everything up to `sequence`: latest-only reports need no more. */
  delivered(sequence: number): void {
    for (const [key, row] of this.latest) if (row.sequence <= sequence) this.latest.delete(key);
  }

  /** The controller has applied everything up to `sequence`. */
  applied(generation: string, sequence: number): void {
    if (this.closed || generation !== this.generation) return;
    // After a power loss the file may have forgotten its last numbers; the controller would take them for old.
    if (sequence >= this.next) {
      this.next = sequence + 1;
      this.promised = this.next;
    }
    this.db.query("DELETE FROM outbox WHERE sequence <= ?").run(sequence);
  }

  /** Durable reports that are not applied yet. */
  count(): number {
    if (this.closed) return 0;
    return this.db.query<{ n: number }, []>("SELECT count(*) AS n FROM outbox").get()?.n ?? 0;
  }

  /** Writes down what will have to be taken back, before it is done. Returns the entry's id. */
  journal(taskId: string, name: string, args: Record<string, string>): number {
    if (this.closed) throw new Error("the node is stopping");
    const done = this.db
      .query("INSERT INTO journal (task_id, name, args) VALUES (?, ?, ?)")
      .run(taskId, name, JSON.stringify(args));
    return Number(done.lastInsertRowid);
  }

  /** What is still to be taken back, last step first. */
  journaled(taskId?: string): JournalEntry[] {
    if (this.closed) return [];
    const rows =
      taskId === undefined
        ? this.db.query<JournalRow, []>("SELECT * FROM journal ORDER BY id DESC").all()
        : this.db
            .query<JournalRow, [string]>("SELECT * FROM journal WHERE task_id = ? ORDER BY id DESC")
            .all(taskId);
    return rows.map((row) => ({
      id: row.id,
      taskId: row.task_id,
      name: row.name,
      args: JSON.parse(row.args) as Record<string, string>,
    }));
  }

  /** A step was taken back. */
  forget(id: number): void {
    if (!this.closed) this.db.query("DELETE FROM journal WHERE id = ?").run(id);
  }

  /**
   * A task's last report, in one transaction with the end of its journal when nothing must be taken back. Throws
   * when the disk is full: then it must be called again, since a report without the journal's end would have
   * finished work taken back.
   */
  finish(taskId: string, keepJournal: boolean, kind: string, body: ReportBody): void {
    if (this.closed) return;
    const row = { sequence: this.takeSequence(), at: this.clock.now(), kind, body: JSON.stringify(body) };
    this.db.transaction(() => {
      if (!keepJournal) this.db.query("DELETE FROM journal WHERE task_id = ?").run(taskId);
      this.write(row);
    })();
    this.announce();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.db.close();
  }
}
