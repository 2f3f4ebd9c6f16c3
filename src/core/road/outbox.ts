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
import type { Undo } from "../undo.ts";
import type { Envelope, ReportBody } from "./contract.ts";

/** Sequences are promised in blocks, so that latest-only reports cost no write; a restart skips the rest. */
const sequenceBlock = 10_000;
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
  /** Reports of which only the latest counts, by key, until the road has them. */
  private readonly latest = new Map<string, OutboxRow>();
  /** Sequences of the durable reports that the file has, ascending: most looks at it need no question to it then. */
  private saved: number[];
  /** Durable reports that the disk had no room for; they live as long as the process. */
  private readonly unsaved = new Map<number, OutboxRow>();
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
    this.saved = this.db
      .query<{ sequence: number }, []>("SELECT sequence FROM outbox ORDER BY sequence")
      .all()
      .map(({ sequence }) => sequence);
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

  /** A small note that outlives the process; null when there is none. */
  recall(name: string): string | null {
    return this.closed ? null : this.meta(`note:${name}`);
  }

  remember(name: string, note: string): void {
    if (this.closed) return;
    try {
      this.setMeta(`note:${name}`, note);
    } catch (error) {
      this.onTrouble(error);
    }
  }

  private takeSequence(): number {
    if (this.next >= this.promised) {
      try {
        // On the disk before a number of the block is used, whatever happens to the power: a number that was
        // given out twice would make the controller take the second report for the first.
        this.db.run("PRAGMA synchronous = FULL");
        try {
          this.setMeta("sequence", String(this.next + sequenceBlock));
        } finally {
          this.db.run("PRAGMA synchronous = NORMAL");
        }
        this.promised = this.next + sequenceBlock;
      } catch (error) {
        // The disk is full: the promise is tried again with the next report.
        this.onTrouble(error);
      }
    }
    return this.next++;
  }

  onAdded(listener: () => void): Undo {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Adds a report and returns its sequence (0 when closed). With `latestKey` it replaces an undelivered one of that
   * key and is kept in memory only.
   */
  add(kind: string, body: ReportBody, latestKey?: string): number {
    if (this.closed) return 0;
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
        this.saved.push(row.sequence);
      } catch (error) {
        // The disk is full, perhaps by the very copy that is reported on: better told from memory than not at all.
        this.onTrouble(error);
        this.unsaved.set(row.sequence, row);
      }
    this.announce();
    return row.sequence;
  }

  private write(row: OutboxRow): void {
    this.db
      .query("INSERT INTO outbox (sequence, at, kind, body) VALUES (?, ?, ?, ?)")
      .run(row.sequence, row.at, row.kind, row.body);
  }

  private announce(): void {
    for (const listener of this.listeners) listener();
  }

  /** At most `limit` reports after `sequence`, in order. No later one is handed out before an earlier one. */
  pending(after: number, sender: Pick<Envelope, "incarnation" | "machine">, limit: number): Envelope[] {
    if (this.closed) return [];
    const saved = (this.saved.at(-1) ?? 0) > after ? this.savedAfter(after, limit) : [];
    // What lies behind the last one that the limit let through waits for it.
    const end = saved.length === limit ? (saved.at(-1)?.sequence ?? 0) : Number.MAX_SAFE_INTEGER;
    const isNext = (row: OutboxRow): boolean => row.sequence > after && row.sequence <= end;
    const durable = [...saved, ...[...this.unsaved.values()].filter(isNext)];
    const latest = [...this.latest].filter(([, row]) => isNext(row));
    let before = this.durableUpTo(after);
    return [...durable.map((row) => ({ key: null, row })), ...latest.map(([key, row]) => ({ key, row }))]
      .sort((a, b) => a.row.sequence - b.row.sequence)
      .slice(0, limit)
      .map(({ key, row }) => {
        const envelope = {
          node: this.node,
          generation: this.generation,
          sequence: row.sequence,
          after: before,
          key,
          ...sender,
          at: row.at,
          kind: row.kind,
          body: JSON.parse(row.body) as ReportBody,
        };
        if (key === null) before = row.sequence;
        return envelope;
      });
  }

  private savedAfter(sequence: number, limit: number): OutboxRow[] {
    return this.db
      .query<OutboxRow, [number, number]>(
        "SELECT sequence, at, kind, body FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?",
      )
      .all(sequence, limit);
  }

  /** The last durable report up to `sequence` that is not acknowledged; 0 when there is none. */
  private durableUpTo(sequence: number): number {
    const saved = this.saved.findLast((each) => each <= sequence);
    const unsaved = [...this.unsaved.keys()].filter((each) => each <= sequence);
    return Math.max(saved ?? 0, ...unsaved);
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
    if ((this.saved[0] ?? Number.POSITIVE_INFINITY) <= sequence) {
      this.db.query("DELETE FROM outbox WHERE sequence <= ?").run(sequence);
      this.saved = this.saved.filter((each) => each > sequence);
    }
    for (const each of [...this.unsaved.keys()]) if (each <= sequence) this.unsaved.delete(each);
  }

  /** Durable reports that are not applied yet. */
  count(): number {
    if (this.closed) return 0;
    return this.saved.length + this.unsaved.size;
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
    this.saved.push(row.sequence);
    this.announce();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.db.close();
  }
}
