/**
 * One connection to Redis that is made anew whenever it breaks. The only room that knows the client library.
 *
 * The library's own reconnecting, its queue for offline times and its resending are off: a call is answered, or
 * fails within a bounded time, and what fails is sent again by whoever still needs it. A server that hangs is
 * found by calls that get no answer in time, and by pings while there are none.
 */
import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";

/** Where Redis is, and who asks. */
export interface RedisAddress {
  /** `redis://host:port/database`, or `rediss://` for TLS. Name and password may stand in it, or beside it. */
  url: string;
  user?: string | undefined;
  password?: string | undefined;
  tls?: {
    /** PEM of the authority that must have signed Redis' certificate; the system's own ones by default. */
    ca?: string | undefined;
    /** The name that the certificate must carry, where it is not the URL's. */
    servername?: string | undefined;
  };
}

/** Redis can't be asked now, or did not answer in time. What was asked may still have happened. */
export class RoadAwayError extends Error {
  override readonly name = "RoadAwayError";
}

/** A made connection. `call` sends one command; calls are carried out in the order of calling. */
export interface RedisConnection {
  call(command: readonly string[], milliseconds?: number): Promise<unknown>;
  /** Hears a channel for as long as the connection lasts. */
  subscribe(channel: string, handler: (message: string) => void): Promise<void>;
}

export interface LinkOptions {
  address: RedisAddress;
  clock: Clock;
  log: Log;
  /** For the log and for `CLIENT LIST`. */
  name: string;
  /** Runs on each new connection before it counts as up. Throws to refuse it. */
  prepare?: (connection: RedisConnection) => Promise<void>;
  onUp?: () => void;
}

/** Calls that may be under way on one connection. */
const mostCalls = 20_000;

export class RedisLink {
  /** The one that is being made or used, and the one that is up. */
  private attempt: Connection | null = null;
  private current: Connection | null = null;
  private reason: string | null = "not connected yet";
  private since: number;
  private closed = false;
  private cancelWait: Undo = () => {};
  private readonly firstTry = Promise.withResolvers<void>();
  private readonly ended: Promise<void>;
  /** Rises with each connection. */
  session = 0;

  constructor(private readonly options: LinkOptions) {
    this.since = options.clock.now();
    this.ended = this.run();
  }

  /** Resolves when it has connected, or failed to, for the first time. */
  get tried(): Promise<void> {
    return this.firstTry.promise;
  }

  status(): { connected: boolean; since: number; reason: string | null } {
    return { connected: this.current !== null, since: this.since, reason: this.reason };
  }

  /** @throws RoadAwayError at once while away, and when there is no answer in time; Redis' own refusals as they are */
  call(command: readonly string[], milliseconds?: number): Promise<unknown> {
    if (!this.current) return Promise.reject(this.awayError());
    return this.current.call(command, milliseconds);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelWait();
    this.attempt?.cut("closed");
    await this.ended;
  }

  private awayError(): RoadAwayError {
    return new RoadAwayError(`Redis is away: ${this.reason ?? "not connected"}`);
  }

  private async run(): Promise<void> {
    const { clock, log, name } = this.options;
    let pause: number = timing.roadRetryFirstMilliseconds;
    while (!this.closed) {
      const connection = new Connection(this.options);
      this.attempt = connection;
      const began = clock.now();
      const why = await this.live(connection);
      connection.cut(why);
      if (this.current) {
        this.current = null;
        this.since = clock.now();
        if (!this.closed) log.warn("Redis is away", { connection: name, reason: why });
      }
      this.reason = why;
      this.firstTry.resolve();
      if (this.closed) return;
      if (clock.now() - began > timing.roadRetryLongestMilliseconds)
        pause = timing.roadRetryFirstMilliseconds;
      // With jitter: after a restart of Redis hundreds come back.
      await this.wait(pause * (0.5 + Math.random() / 2));
      pause = Math.min(timing.roadRetryLongestMilliseconds, pause * 2);
    }
  }

  /** Makes the connection and keeps it; resolves with the reason of its end. */
  private async live(connection: Connection): Promise<string> {
    const { clock, log, name, prepare, onUp } = this.options;
    try {
      await connection.open();
      await prepare?.(connection);
    } catch (error) {
      return connection.endReason ?? messageOf(error);
    }
    if (this.closed) return "closed";
    if (connection.endReason !== null) return connection.endReason;
    this.session++;
    this.current = connection;
    this.since = clock.now();
    this.reason = null;
    log.info("Redis is there", { connection: name });
    this.firstTry.resolve();
    onUp?.();
    return connection.end;
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(milliseconds, resolve);
      this.cancelWait = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** One connection, from its making to its end. */
class Connection implements RedisConnection {
  private readonly client: Redis;
  private readonly over = Promise.withResolvers<string>();
  private readonly cancelPing: Undo;
  private calls = 0;
  private answeredAt = 0;
  /** Set from the end on. */
  endReason: string | null = null;

  constructor(private readonly options: LinkOptions) {
    this.client = new Redis(clientOptions(options));
    // The reason of an end comes as an error first, then `end`; what follows the first error is only its echo.
    let reason: string | null = null;
    this.client.on("error", (error: unknown) => {
      reason ??= messageOf(error);
    });
    this.client.on("end", () => this.cut(reason ?? "the connection was closed"));
    this.cancelPing = options.clock.every(timing.roadPingMilliseconds, () => this.pingIfQuiet());
  }

  /** Resolves with the reason when the connection is over. */
  get end(): Promise<string> {
    return this.over.promise;
  }

  async open(): Promise<void> {
    const connected = this.client.connect();
    connected.catch(() => {});
    await this.bounded(connected, timing.roadConnectMilliseconds);
    // Also says whether we were let in: a refused sign-in shows at the first command.
    await this.call(["PING"]);
  }

  call(command: readonly string[], milliseconds: number = timing.roadAnswerMilliseconds): Promise<unknown> {
    const [name = "", ...args] = command;
    if (this.endReason !== null) return Promise.reject(new RoadAwayError(this.endReason));
    if (this.calls >= mostCalls) return Promise.reject(new RoadAwayError("Redis does not keep up"));
    this.calls++;
    const answer = this.client.call(name, ...args).finally(() => {
      this.calls--;
      this.answeredAt = this.options.clock.now();
    });
    return this.bounded(answer, milliseconds);
  }

  async subscribe(channel: string, handler: (message: string) => void): Promise<void> {
    this.client.on("message", (from: string, message: string) => {
      if (from === channel) handler(message);
    });
    await this.bounded(this.client.subscribe(channel), timing.roadAnswerMilliseconds);
  }

  /** Ends the connection; everything that waits for it fails at once. */
  cut(reason: string): void {
    if (this.endReason !== null) return;
    this.endReason = reason;
    this.cancelPing();
    this.client.disconnect();
    this.over.resolve(reason);
  }

  private pingIfQuiet(): void {
    const quiet = this.options.clock.now() - this.answeredAt;
    if (this.calls > 0 || quiet < timing.roadPingMilliseconds) return;
    this.call(["PING"]).catch(() => {
      // No answer has cut the connection, which is what the ping is for.
    });
  }

  /** The answer, unless the connection ends before it or it does not come in time, which ends the connection. */
  private async bounded<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
    const { clock } = this.options;
    const late = Promise.withResolvers<never>();
    const isOver = (): void => this.cut(`no answer within ${milliseconds / 1000} s`);
    const due = clock.now() + milliseconds;
    let cancel = clock.after(milliseconds, () => {
      // The timer itself is late: this process stood still, and the answer may lie in its socket unread. To cut would
      // make a busy machine ask for everything anew.
      if (clock.now() - due < timing.roadStoodStillMilliseconds) isOver();
      else cancel = clock.after(timing.roadAnswerMilliseconds, isOver);
    });
    void this.over.promise.then((reason) => late.reject(new RoadAwayError(`Redis is away: ${reason}`)));
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      cancel();
    }
  }
}

/** One line for people. */
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function clientOptions({ address, name }: LinkOptions) {
  const url = new URL(address.url);
  const user = address.user ?? decodeURIComponent(url.username);
  const password = address.password ?? decodeURIComponent(url.password);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // An address has no name to ask for; it is compared with the certificate all the same.
  const servername = address.tls?.servername ?? (isIP(host) ? undefined : host);
  const database = Number(url.pathname.slice(1) || "0");
  return {
    host,
    port: Number(url.port || "6379"),
    db: Number.isInteger(database) ? database : 0,
    ...(user ? { username: user } : {}),
    ...(password ? { password } : {}),
    ...(url.protocol === "rediss:"
      ? {
          tls: {
            ...(address.tls?.ca ? { ca: address.tls.ca } : {}),
            ...(servername ? { servername } : {}),
          },
        }
      : {}),
    // RESP3 needs Redis 6.
    protocol: 2 as const,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectTimeout: timing.roadConnectMilliseconds,
    connectionName: name.replaceAll(/[^\w.-]/g, "-"),
  };
}
