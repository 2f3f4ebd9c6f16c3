/**
 * The event streams of all clients: the browsers' HTML (`/events`) and the programs' JSON (`/api/v1/events`).
 * Each follows the one event log, resumes where its client was, and tells it to start over when it can't.
 */
import type { Clock } from "../clock.ts";
import { AppError, errorText } from "../errors.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";
import { coalesce } from "./coalesce.ts";
import type { LiveEvent, LiveView } from "./contract.ts";
import type { EventHub } from "./hub.ts";
import type { WebLog } from "./problem.ts";
import type { ShownRows } from "./shown-rows.ts";
import { type Message, SseStream } from "./sse.ts";
import { includes, type Visitor } from "./visitor.ts";

/** Pages and programs of one session or token that may listen at once. */
const streamsPerVisitor = 32;
/** Events that may wait for one client; with more it starts over. */
const queueLimit = 5_000;

/**
 * A page's stream rests so many times as long as its last messages took to make, up to `streamRestMilliseconds`: what
 * happens meanwhile is told at once, so that a page that is open costs little where hundreds of guests change a second.
 */
const restShare = 2;

/** What a stream makes of events, and what it says when the client must start over. */
interface Kind {
  /** Whether it rests between two messages; events of one thing that come meanwhile are told as one. */
  rests: boolean;
  /** Whether the client had a stream before. */
  resumes?: boolean;
  render(events: readonly LiveEvent[]): Promise<Message[]>;
  /** What is told of all of them together, less often; without events to who comes back. */
  sums?(events: readonly LiveEvent[]): Promise<Message[]>;
  startOver: Message;
}

export interface StreamsDependencies {
  hub: EventHub;
  clock: Clock;
  log: WebLog;
  /** Whether the visitor's session or token still lives. */
  stillIn(visitor: Visitor): Promise<boolean>;
  /** The page's payload for "load yourself again". */
  reload(): string;
}

/** A view as a page holds it: `guests`, or `guest:<uuid>`. */
export interface HeldView {
  view: LiveView;
  key: string | null;
}

/** What a page asks its stream for. */
export interface PageStream {
  held: readonly HeldView[];
  shown: ShownRows;
  /** It had a stream before, and goes on with `after`. */
  resumes: boolean;
  after: number | null;
}

export class Streams {
  private readonly open = new Map<string, Set<SseStream>>();

  constructor(private readonly needs: StreamsDependencies) {}

  /** The stream of a page. Payloads are opaque; each is one unnamed message. */
  html(visitor: Visitor, { held, shown, resumes, after }: PageStream): Promise<Response> {
    const { viewer } = visitor;
    const mine = held.filter(({ view }) => includes(viewer.role, view.role));
    const sums = async (events: readonly LiveEvent[]): Promise<Message[]> => {
      const messages: Message[] = [];
      for (const { view, key } of mine) {
        const about = events.filter((event) => view.topics.includes(event.topic));
        if (!view.sums || (events.length > 0 && about.length === 0)) continue;
        const all = () => view.sums?.(about, { viewer, key, shown }) ?? Promise.resolve([]);
        for (const data of await this.payloads(view, about, all)) messages.push({ data });
      }
      return messages;
    };
    return this.follow(visitor, after, {
      rests: true,
      resumes,
      startOver: { data: this.needs.reload() },
      ...(mine.some(({ view }) => view.sums) ? { sums } : {}),
      render: async (events) => {
        const messages: Message[] = [];
        const newest = coalesce(events);
        for (const { view, key } of mine) {
          const context = { viewer, key, shown };
          const isAbout = (event: LiveEvent): boolean => view.topics.includes(event.topic);
          if (view.renderAll) {
            const about = events.filter(isAbout);
            if (about.length === 0) continue;
            const all = () => view.renderAll?.(about, context) ?? Promise.resolve([]);
            for (const data of await this.payloads(view, about, all)) messages.push({ data });
            continue;
          }
          for (const event of newest.filter(isAbout))
            for (const data of await this.payloads(view, [event], () => view.render(event, context)))
              messages.push({ data });
        }
        return messages;
      },
    });
  }

  /** The stream of a program: every event of the topics, none coalesced. */
  json(visitor: Visitor, topics: readonly string[], after: number | null): Promise<Response> {
    return this.follow(visitor, after, {
      rests: false,
      startOver: { event: "reload", data: "{}" },
      render: async (events) =>
        events
          .filter((event) => topics.length === 0 || topics.includes(event.topic))
          .map((event) => ({ id: event.seq, event: event.topic, data: JSON.stringify(event) })),
    });
  }

  /** Ends the streams of a session or token that was ended itself. */
  endFor(id: string): void {
    for (const stream of this.open.get(id) ?? []) stream.end();
  }

  /** Ends all of them. */
  stop(): void {
    for (const streams of this.open.values()) for (const stream of streams) stream.end();
  }

  count(): number {
    let count = 0;
    for (const streams of this.open.values()) count += streams.size;
    return count;
  }

  private async follow(visitor: Visitor, after: number | null, kind: Kind): Promise<Response> {
    const { hub, clock, log } = this.needs;
    let queue: LiveEvent[] = [];
    let position = 0;
    let lost = false;
    let busy = true;

    const stream = new SseStream(clock, () => {
      void this.checkVisitor(visitor, stream, kind);
      return { id: position };
    });
    this.register(visitor, stream);

    let toSum: LiveEvent[] = [];
    let summing = false;
    const sum = async (comesBack = false): Promise<void> => {
      if (!kind.sums || summing) return;
      summing = true;
      try {
        for (let first = comesBack; stream.open && (first || toSum.length > 0); first = false) {
          const batch = toSum;
          toSum = [];
          const messages = await kind.sums(batch);
          if (messages.length === 0) continue;
          stream.send(...messages);
          await clock.sleep(timing.streamSumsMilliseconds);
        }
      } catch (error) {
        log.error("an event stream's sums failed and it is ended; its client resumes", {
          error: errorText(error),
        });
        stream.end();
      } finally {
        summing = false;
      }
    };

    const run = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      try {
        while (stream.open && (lost || queue.length > 0)) {
          if (stream.full) {
            lost = true;
            queue = [];
            stream.whenRoom(() => void run());
            return;
          }
          if (lost) {
            lost = false;
            queue = [];
            position = await hub.cursor();
            stream.send({ ...kind.startOver, id: position });
            continue;
          }
          const batch = queue;
          queue = [];
          const began = clock.now();
          const messages = await kind.render(batch);
          position = batch.at(-1)?.seq ?? position;
          // The id comes with the last message alone: a client that lost the connection in between gets all again.
          const last = messages.at(-1);
          if (last) last.id = position;
          stream.send(...messages);
          toSum.push(...batch);
          void sum();
          const rest = Math.min(restShare * (clock.now() - began), timing.streamRestMilliseconds);
          if (kind.rests && rest > 0) await clock.sleep(rest);
        }
      } catch (error) {
        log.error("an event stream failed and is ended; its client resumes", { error: errorText(error) });
        stream.end();
      } finally {
        busy = false;
      }
    };

    stream.whenOver(
      hub.listen((events) => {
        if (queue.length + events.length > queueLimit) {
          queue = [];
          lost = true;
        } else queue.push(...events);
        void run();
      }),
    );
    try {
      const cursor = await hub.cursor();
      const missed = await hub.missed(after ?? cursor, cursor);
      if (missed === "reload") lost = true;
      else queue = [...missed, ...queue.filter((event) => event.seq > cursor)];
      position = missed === "reload" ? cursor : (after ?? cursor);
      // Says at once that the stream is there: headers alone may wait in a buffer.
      stream.send({ id: position });
    } catch (error) {
      stream.end();
      throw error;
    }
    busy = false;
    void run();
    if (kind.resumes) void sum(true);
    return stream.response;
  }

  private async payloads(
    view: LiveView,
    events: readonly LiveEvent[],
    render: () => Promise<string[]>,
  ): Promise<string[]> {
    try {
      return await render();
    } catch (error) {
      // The page misses one change; a reload for each event would make it unusable.
      this.needs.log.error(`live view "${view.name}" failed on "${events[0]?.topic}"`, {
        error: errorText(error),
      });
      return [];
    }
  }

  private register(visitor: Visitor, stream: SseStream): void {
    if (visitor.by.kind === "nothing") {
      stream.end();
      throw new AppError("unauthenticated", "http.signIn");
    }
    const { id } = visitor.by;
    const mine = this.open.get(id) ?? new Set();
    if (mine.size >= streamsPerVisitor) {
      stream.end();
      throw new AppError("tooMany", "http.manyStreams", { max: streamsPerVisitor, seconds: 10 });
    }
    this.open.set(id, mine.add(stream));
    const leave: Undo = () => {
      mine.delete(stream);
      if (mine.size === 0 && this.open.get(id) === mine) this.open.delete(id);
    };
    stream.whenOver(leave);
  }

  /** Ends the stream of a session that ended elsewhere or ran out; its page then asks for a sign-in. */
  private async checkVisitor(visitor: Visitor, stream: SseStream, kind: Kind): Promise<void> {
    try {
      if (await this.needs.stillIn(visitor)) return;
      stream.send(kind.startOver);
      stream.end();
    } catch (error) {
      this.needs.log.error("checking an event stream's session failed; it goes on", {
        error: errorText(error),
      });
    }
  }
}
