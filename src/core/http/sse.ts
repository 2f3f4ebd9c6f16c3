/**
 * One event stream (SSE) to one client: writes messages, gives signs of life, notices that the client is
 * slow or stuck, and ends after its lifetime so that the client resumes. Knows nothing of what it carries.
 */
import type { Clock } from "../clock.ts";
import { timing } from "../timing.ts";
import { type Undo, UndoList } from "../undo.ts";

export interface Message {
  /** The client sends the last one it got when it comes back. */
  id?: number;
  /** Browsers' pages listen to messages without a name; programs to names. */
  event?: string;
  /** May have several lines. */
  data?: string;
}

/** The bytes of a message. @throws Error when a name holds a line break, which would forge another field */
export function encodeMessage({ id, event, data }: Message): string {
  let text = "";
  if (event !== undefined) {
    if (/[\r\n\0]/.test(event)) throw new Error("an event's name holds a line break");
    text += `event: ${event}\n`;
  }
  if (data !== undefined) for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  return `${text}\n`;
}

/** Bytes that may wait in this process for one client; the kernel's buffers come on top. */
const queueBytes = 256 * 1024;

export class SseStream {
  readonly response: Response;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private readonly undos = new UndoList();
  private readonly encoder = new TextEncoder();
  private lastTaken: number;
  private onRoom: (() => void) | null = null;
  private readonly endings: Undo[] = [];

  /** `beat` runs at each sign of life and may end the stream; it returns the message to send with it. */
  constructor(
    private readonly clock: Clock,
    private readonly beat: () => Message | null,
  ) {
    this.lastTaken = clock.now();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => {
          this.lastTaken = this.clock.now();
          const call = this.onRoom;
          this.onRoom = null;
          call?.();
        },
        cancel: () => this.finish(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: queueBytes }),
    );
    this.response = new Response(body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // nginx would collect the messages otherwise.
        "x-accel-buffering": "no",
      },
    });
    this.undos.add(clock.every(timing.streamHeartbeatMilliseconds, () => this.heartbeat()));
    this.undos.add(clock.after(timing.streamLifeMilliseconds, () => this.end()));
  }

  get open(): boolean {
    return this.controller !== null;
  }

  /** True when more than the allowed bytes wait for the client. */
  get full(): boolean {
    return this.controller !== null && (this.controller.desiredSize ?? 0) <= 0;
  }

  send(...messages: Message[]): void {
    this.write(messages.map(encodeMessage).join(""));
  }

  /** Calls `fn` once, when the client has taken what waits for it. */
  whenRoom(fn: () => void): void {
    if (this.full) this.onRoom = fn;
    else fn();
  }

  /** Calls `fn` when the stream is over, whoever ended it. */
  whenOver(fn: Undo): void {
    if (this.open) this.endings.push(fn);
    else fn();
  }

  /** Ends the stream after what waits in it, or cuts it at once. Doing it twice does no harm. */
  end(how: "close" | "cut" = "close"): void {
    const { controller } = this;
    if (!controller) return;
    this.finish();
    try {
      if (how === "cut") controller.error(new Error("the client takes nothing from its event stream"));
      else controller.close();
    } catch {
      // The client is gone already.
    }
  }

  private heartbeat(): void {
    if (!this.open) return;
    if (this.full) {
      if (this.clock.now() - this.lastTaken > timing.streamStuckMilliseconds) this.end("cut");
      return;
    }
    const message = this.beat();
    this.write(message ? encodeMessage(message) : ": alive\n\n");
  }

  private write(text: string): void {
    if (text !== "") this.controller?.enqueue(this.encoder.encode(text));
  }

  private finish(): void {
    if (!this.controller) return;
    this.controller = null;
    this.undos.run();
    for (const ending of this.endings.splice(0)) ending();
  }
}
