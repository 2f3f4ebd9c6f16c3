/**
 * The one worker file: an entry point of its own. Its first message gives it a role.
 *
 * `connect` opens and closes connections, `calls` makes blocking calls on one, and `events` runs libvirt's
 * event loop, owns the callbacks, and makes no call to libvirtd, so that it never waits for it.
 */

import { JSCallback, type Pointer } from "bun:ffi";
import { realClock } from "../clock.ts";
import { trimWhenQuiet } from "../memory.ts";
import { borrowString, liveHandles, out } from "./call.ts";
import { deregisterEvents, openConnection, registerEvents } from "./connection.ts";
import type {
  CallName,
  CallRequest,
  ConnectRequest,
  EventRequest,
  FromWorker,
  Opened,
  RawEvent,
  ToWorker,
} from "./protocol.ts";
import { calls, jsonCalls, toPlainError } from "./protocol.ts";
import { isHidden } from "./states.ts";
import { type Libvirt, loadLibvirt } from "./symbols.ts";

declare const self: Worker;

function post(message: FromWorker): void {
  self.postMessage(message);
}

/** Runs one request and answers it. */
function answer(id: number, body: () => unknown, asJson = false): void {
  try {
    const value = body();
    if (asJson)
      post({ kind: "answer", id, value: JSON.stringify(value), liveHandles: liveHandles(), json: true });
    else post({ kind: "answer", id, value, liveHandles: liveHandles() });
  } catch (error) {
    post({ kind: "failed", id, error: toPlainError(error), liveHandles: liveHandles() });
  }
}

function connectRole(lib: Libvirt): (request: ConnectRequest) => void {
  const open = ({ uri, keepalive, events }: ConnectRequest & { kind: "open" }): Opened => {
    const conn = openConnection(lib, uri, keepalive);
    if (!events) return { conn, registered: [] };
    try {
      const registered = registerEvents({ lib, conn }, events.callbacks, events.opaque);
      lib.virConnectRef(conn); // the event worker's
      return { conn, registered };
    } catch (error) {
      lib.virConnectClose(conn);
      throw error;
    }
  };
  return (request) =>
    answer(request.id, () => {
      if (request.kind === "open") return open(request);
      const conn = request.conn as Pointer;
      deregisterEvents({ lib, conn }, request.registered);
      lib.virConnectClose(conn);
      return null;
    });
}

function callRole(lib: Libvirt): (request: CallRequest) => void {
  let conn: Pointer | null = null;
  return (request) => {
    if (request.kind === "attach") {
      if (conn) lib.virConnectClose(conn);
      conn = request.conn as Pointer | null;
      return;
    }
    const make = () => {
      const context = { lib, conn: conn ?? (0 as Pointer) };
      const call = calls[request.name as CallName] as (...args: unknown[]) => unknown;
      return call(context, ...request.args);
    };
    answer(request.id, make, jsonCalls.has(request.name));
  };
}

const eventReadable = 1; // VIR_EVENT_HANDLE_READABLE
const eventfdFlags = 0o4000 | 0o2000000; // EFD_NONBLOCK | EFD_CLOEXEC

function eventRole(lib: Libvirt): (request: EventRequest) => void {
  // Must come before any connection of this process is opened.
  if (lib.virEventRegisterDefaultImpl() < 0) throw new Error("libvirt's event loop could not be set up");

  const pending = new Map<number, RawEvent[]>();
  const uuid = out(37);
  const note = (
    source: RawEvent["source"],
    domain: Pointer,
    event: number,
    detail: number,
    opaque: number,
  ): void => {
    // A throw would unwind through libvirt's C frames: nothing may leave this function.
    try {
      const rawName = lib.virDomainGetName(domain);
      const name = rawName ? borrowString(rawName) : "";
      if (isHidden(name) || lib.virDomainGetUUIDString(domain, uuid) < 0) return;
      const events = pending.get(opaque) ?? [];
      events.push({ uuid: uuid.toString("latin1", 0, 36), name, source, event, detail, at: Date.now() });
      pending.set(opaque, events);
    } catch (error) {
      console.error("an event of libvirt was lost:", error);
    }
  };
  const lifecycle = new JSCallback(
    (_conn: Pointer, domain: Pointer, event: number, detail: number, opaque: number) =>
      note("lifecycle", domain, event, detail, opaque),
    { args: ["ptr", "ptr", "i32", "i32", "ptr"], returns: "i32" },
  );
  const reboot = new JSCallback(
    (_conn: Pointer, domain: Pointer, opaque: number) => note("reboot", domain, 0, 0, opaque),
    { args: ["ptr", "ptr", "ptr"], returns: "void" },
  );
  const agent = new JSCallback(
    (_conn: Pointer, domain: Pointer, state: number, reason: number, opaque: number) =>
      note("agent", domain, state, reason, opaque),
    { args: ["ptr", "ptr", "i32", "i32", "ptr"], returns: "void" },
  );
  const pass = new JSCallback(
    (_conn: Pointer, domain: Pointer, iteration: number, opaque: number) =>
      note("pass", domain, 0, iteration, opaque),
    { args: ["ptr", "ptr", "i32", "ptr"], returns: "void" },
  );

  const eventfd = lib.eventfd(0, eventfdFlags);
  const counter = out(8);
  const wake = new JSCallback(() => void lib.read(eventfd, counter, 8), {
    args: ["i32", "i32", "i32", "ptr"],
    returns: "void",
  });
  lib.virEventAddHandle(eventfd, eventReadable, wake.ptr, null, null);

  const watched = new Map<number, Pointer>();
  const turn = (): void => {
    lib.virEventRunDefaultImpl();
    for (const [opaque, events] of pending) post({ kind: "events", opaque, events });
    pending.clear();
    for (const [opaque, conn] of watched) {
      // Local and at once: says whether the socket is still open.
      if (lib.virConnectIsAlive(conn) === 1) continue;
      drop(opaque);
      post({ kind: "lost", opaque });
    }
    setImmediate(turn);
  };
  const drop = (opaque: number): void => {
    const conn = watched.get(opaque);
    watched.delete(opaque);
    if (conn) lib.virConnectClose(conn);
  };
  setImmediate(turn);
  post({
    kind: "ready",
    eventfd,
    callbacks: {
      lifecycle: Number(lifecycle.ptr),
      reboot: Number(reboot.ptr),
      agent: Number(agent.ptr),
      pass: Number(pass.ptr),
    },
  });
  return (request) => {
    if (request.kind === "watch") watched.set(request.opaque, request.conn as Pointer);
    else if (request.kind === "unwatch") drop(request.opaque);
    else answer(request.id, () => null);
  };
}

self.onmessage = (first: MessageEvent<ToWorker>) => {
  if (first.data.kind !== "role") return;
  const { role } = first.data;
  try {
    const lib = loadLibvirt();
    lib.virInitialize();
    trimWhenQuiet(realClock);
    if (role === "events") {
      const handle = eventRole(lib);
      self.onmessage = (event: MessageEvent<EventRequest>) => handle(event.data);
    } else {
      const handle = role === "connect" ? connectRole(lib) : callRole(lib);
      self.onmessage = (event: MessageEvent) => {
        if (event.data.kind === "stop") process.exit();
        handle(event.data);
      };
      post({ kind: "ready" });
    }
  } catch (error) {
    post({ kind: "unusable", message: error instanceof Error ? error.message : String(error) });
  }
};
