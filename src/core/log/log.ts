/**
 * The program's own log: one line an entry on standard error, where systemd's journal (or a file) takes
 * it. English, with key=value facts. Secrets never come here: facts named like one are blotted out.
 */
export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFacts = Readonly<Record<string, unknown>>;

export interface Log {
  debug(text: string, facts?: LogFacts): void;
  info(text: string, facts?: LogFacts): void;
  warn(text: string, facts?: LogFacts): void;
  error(text: string, facts?: LogFacts): void;
  /** A log whose lines carry this name. */
  named(name: string): Log;
}

export interface LogEntry {
  at: number;
  level: LogLevel;
  name: string;
  text: string;
  facts: LogFacts;
}

const secretName = /password|passwd|secret|token|cookie|authorization|private/i;

function fact(name: string, value: unknown): string {
  if (secretName.test(name)) return "[hidden]";
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value === "string") return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "undefined";
}

/** One entry as one line, without a line break whatever the facts hold. */
export function logLine(entry: LogEntry): string {
  const facts = Object.entries(entry.facts).map(([name, value]) => ` ${name}=${fact(name, value)}`);
  const text = entry.text.replaceAll(/[\r\n]+/g, " ");
  return `${new Date(entry.at).toISOString()} ${entry.level.padEnd(5)} ${entry.name}: ${text}${facts.join("")}`;
}

/** A log that hands entries of `least` level and above to `write`. */
export function createLog(write: (entry: LogEntry) => void, least: LogLevel = "info", name = "jimv"): Log {
  const from = logLevels.indexOf(least);
  const at =
    (level: LogLevel) =>
    (text: string, facts: LogFacts = {}) => {
      if (logLevels.indexOf(level) >= from) write({ at: Date.now(), level, name, text, facts });
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    named: (inner) => createLog(write, least, inner),
  };
}

/** The log of a running program. */
export function stderrLog(least: LogLevel): Log {
  return createLog((entry) => process.stderr.write(`${logLine(entry)}\n`), least);
}

/** For tests that don't look. */
export const silentLog: Log = createLog(() => {}, "error");
