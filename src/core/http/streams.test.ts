/** The event streams: what is sent, resuming, starting over, slow clients, and that they end with their session. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { sessions } from "../auth/schema.ts";
import { type EventRow, remove } from "../store/index.ts";
import { timing } from "../timing.ts";
import type { LiveEvent } from "./contract.ts";
import { EventHub } from "./hub.ts";
import { rowMark } from "./shown-rows.ts";
import { encodeMessage } from "./sse.ts";
import { type Client, type Lab, makeLab, StreamReader } from "./testing/lab.ts";

let lab: Lab;
let rendered: string[];
beforeEach(async () => {
  lab = await makeLab();
  rendered = [];
  lab.web.live({
    name: "guests",
    topics: ["guest.changed"],
    role: "reader",
    async render(event, { viewer }) {
      rendered.push(`${event.key}@${event.seq}`);
      if (event.key === "broken") throw new Error("a view's defect");
      if (event.key === "slow") lab.clock.pass(10);
      return event.key === "none" ? [] : [`<p>${event.key}</p>\n<p>${viewer.language}</p>`];
    },
  });
  lab.web.live({
    name: "guest",
    topics: ["guest.changed", "disk.changed"],
    role: "administrator",
    render: async (event, { key }) => (event.key === key ? [`one ${key}`, `two ${key}`] : []),
  });
});
afterEach(() => lab.stop());

const happen = (...events: EventRow[]): Promise<void> => lab.store.batch([], { events });
const guest = (key: string, data?: unknown): EventRow => ({ topic: "guest.changed", key, data });

async function open(
  client: Client,
  path: string,
  headers: Record<string, string> = {},
): Promise<StreamReader> {
  const response = await client.ask(path, { headers });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  return new StreamReader(response);
}

describe("the page's stream", () => {
  test("sends what the held views make of an event, each line as data, the id at the end", async () => {
    const stream = await open(await lab.session(), "/events?view=guests&view=guest:b");
    expect(await stream.next()).toBe("id: 0");
    await happen(guest("a"));
    expect(await stream.next()).toBe("data: <p>a</p>\ndata: <p>en</p>\nid: 1");
    await happen(guest("b"));
    expect(await stream.next()).toBe("data: <p>b</p>\ndata: <p>en</p>");
    expect(await stream.next()).toBe("data: one b");
    expect(await stream.next()).toBe("data: two b\nid: 2");
  });

  test("renders only what the page holds and its viewer may see", async () => {
    const stream = await open(await lab.session("reader"), "/events?view=guests&view=guest:a");
    await happen({ topic: "disk.changed", key: "a" }, guest("a"));
    expect(await stream.data()).toBe("data: <p>a</p>\ndata: <p>en</p>\nid: 2");
  });

  test("renders a thing once for a burst of its events, from the last of them", async () => {
    const stream = await open(await lab.session(), "/events?view=guests");
    await happen(...Array.from({ length: 50 }, () => guest("a")), guest("b"));
    await stream.data();
    expect(await stream.data()).toContain("id: 51");
    expect(rendered).toEqual(["a@50", "b@51"]);
  });

  test("tells a view which rows the page shows, and hands it every event where it takes several at once", async () => {
    const about: string[] = [];
    lab.web.live({
      name: "rows",
      topics: ["guest.changed"],
      role: "reader",
      render: async () => [],
      async renderAll(events, { shown }) {
        about.push(...events.map(({ key, data }) => `${key} ${data} ${shown.has(key)}`));
        return ["done"];
      },
    });
    const stream = await open(await lab.session(), `/events?view=rows&shown=${rowMark("a")}`);
    await happen(guest("a", "made"), guest("a", "runs"), guest("b", "runs"));
    expect(await stream.data()).toContain("done");
    expect(about).toEqual(["a made true", "a runs true", "b runs false"]);
  });

  test("rests after what took long to make, and tells then at once what happened meanwhile", async () => {
    const stream = await open(await lab.session(), "/events?view=guests");
    await happen(guest("slow"));
    expect(await stream.data()).toContain("<p>slow</p>");
    await happen(guest("a"));
    await happen(guest("b"));
    await happen(guest("a"));
    lab.clock.pass(19);
    await Bun.sleep(0);
    expect(rendered).toEqual(["slow@1"]);
    lab.clock.pass(1);
    expect(await stream.data()).toContain("<p>b</p>");
    expect(await stream.data()).toBe("data: <p>a</p>\ndata: <p>en</p>\nid: 4");
    expect(rendered).toEqual(["slow@1", "b@3", "a@4"]);
  });

  describe("sums", () => {
    let summed: string[];
    beforeEach(() => {
      summed = [];
      lab.web.live({
        name: "sums",
        topics: ["guest.changed"],
        role: "reader",
        render: async ({ key }) => [key],
        async sums(events) {
          summed.push(events.map(({ key }) => key).join());
          return [`sum ${summed.length}`];
        },
      });
    });

    test("are told at once, then at most every second, the last change in any case", async () => {
      const stream = await open(await lab.session(), "/events?view=sums");
      await happen(guest("a"));
      expect(await stream.data()).toBe("data: a\nid: 1");
      expect(await stream.data()).toBe("data: sum 1");
      await happen(guest("b"));
      await happen(guest("c"));
      expect(await stream.data()).toBe("data: b\nid: 2");
      expect(await stream.data()).toBe("data: c\nid: 3");
      lab.clock.pass(timing.streamSumsMilliseconds - 1);
      await Bun.sleep(0);
      expect(summed).toEqual(["a"]);
      lab.clock.pass(1);
      expect(await stream.data()).toBe("data: sum 2");
      expect(summed).toEqual(["a", "b,c"]);
      lab.clock.pass(timing.streamSumsMilliseconds);
      await Bun.sleep(0);
      expect(summed).toHaveLength(2);
    });

    test("are told of events of the view's topics alone", async () => {
      const stream = await open(await lab.session(), "/events?view=sums");
      await happen({ topic: "disk.changed", key: "d" }, { topic: "other", key: "o" });
      await happen(guest("a"));
      expect(await stream.data()).toContain("data: a");
      expect(await stream.data()).toBe("data: sum 1");
    });

    test("are told to a page that comes back: it may have missed those of what it has heard", async () => {
      await happen(guest("a"));
      const client = await lab.session();
      const back = await open(client, "/events?view=sums", { "last-event-id": "1" });
      expect(await back.data()).toBe("data: sum 1");
      const fresh = await open(client, "/events?view=sums&after=1");
      await happen(guest("b"));
      expect(await fresh.data()).toBe("data: b\nid: 2");
    });
  });

  test("goes on when a view fails, and the log says so", async () => {
    const stream = await open(await lab.session(), "/events?view=guests");
    await happen(guest("broken"), guest("a"));
    expect(await stream.data()).toContain("<p>a</p>");
    expect(lab.errors.join()).toContain("a view's defect");
  });

  test("resumes after Last-Event-ID, which wins over the page's own number", async () => {
    await happen(guest("a"), guest("b"), guest("c"));
    const client = await lab.session();
    const fromPage = await open(client, "/events?view=guests&after=1");
    expect(await fromPage.data()).toContain("<p>b</p>");
    const again = await open(client, "/events?view=guests&after=1", { "last-event-id": "2" });
    expect(await again.data()).toBe("data: <p>c</p>\ndata: <p>en</p>\nid: 3");
    await happen(guest("d"));
    expect(await again.data()).toContain("<p>d</p>");
  });

  test.each([
    ["pruned", "1"],
    ["from the future", "900"],
    ["no number", "abc; drop"],
    ["negative", "-5"],
  ])("tells the page to start over when the number is %s", async (_, id) => {
    await happen(...Array.from({ length: 20 }, (_each, at) => guest(`g${at}`)));
    lab.clock.pass(1);
    await lab.store.pruneEvents(5, lab.clock.now());
    const stream = await open(await lab.session(), "/events?view=guests", { "last-event-id": id });
    expect(await stream.data()).toBe("data: <reload>\nid: 20");
    await happen(guest("z"));
    expect(await stream.data()).toContain("<p>z</p>");
  });

  test("the oldest event still kept is enough to resume before it", async () => {
    await happen(...Array.from({ length: 20 }, (_each, at) => guest(`g${at}`)));
    lab.clock.pass(1);
    await lab.store.pruneEvents(5, lab.clock.now());
    expect(await lab.store.oldestEventSeq()).toBe(16);
    const stream = await open(await lab.session(), "/events?view=guests", { "last-event-id": "15" });
    expect(await stream.data()).toContain("<p>g15</p>");
  });

  test("gives signs of life that carry the number, also when nothing was for this page", async () => {
    const stream = await open(await lab.session(), "/events?view=guests");
    await stream.next();
    await happen({ topic: "disk.changed", key: "x" });
    lab.clock.pass(timing.streamHeartbeatMilliseconds);
    expect(await stream.next()).toBe("id: 1");
    expect(timing.streamHeartbeatMilliseconds).toBeLessThanOrEqual(8_000);
    expect(timing.streamHeartbeatMilliseconds * 2).toBeLessThan(timing.connectionIdleSeconds * 1_000);
  });

  test("ends after its lifetime", async () => {
    const stream = await open(await lab.session(), "/events?view=guests");
    lab.clock.pass(timing.streamLifeMilliseconds);
    let message = await stream.next();
    while (message !== null) message = await stream.next();
    expect(message).toBeNull();
  });

  test("ends at once when its session is signed out, and within a heartbeat when it ran out", async () => {
    const one = await lab.session();
    const stream = await open(one, "/events?view=guests");
    await stream.next();
    await one.ask("/api/v1/sessions/current", { method: "DELETE", headers: { "x-csrf-token": one.csrf } });
    expect(await stream.next()).toBeNull();
    expect((await one.ask("/events?view=guests", { headers: { "hx-request": "true" } })).status).toBe(401);

    const idle = await open(await lab.session(), "/events?view=guests");
    await idle.next();
    await lab.store.run(remove(sessions, "all"));
    lab.clock.pass(timing.streamHeartbeatMilliseconds);
    expect(await idle.data()).toContain("<reload>");
    expect(await idle.next()).toBeNull();
  });

  test("knows its views, and how many a session may have", async () => {
    const one = await lab.session();
    expect((await one.ask("/events?view=nothing")).status).toBe(404);
    const readers = await Promise.all(Array.from({ length: 32 }, () => open(one, "/events?view=guests")));
    const refused = await one.ask("/events?view=guests");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
    await readers[0]?.cancel();
    expect((await one.ask("/events?view=guests")).status).toBe(200);
  });

  test("a client that doesn't read is told to start over, and costs a bounded queue", async () => {
    lab.web.live({
      name: "big",
      topics: ["big"],
      role: "reader",
      render: async (event) => [event.key.padEnd(50_000, ".")],
    });
    const stream = await open(await lab.session(), "/events?view=big");
    for (let turn = 0; turn < 60; turn++) await happen({ topic: "big", key: `k${turn}` });
    let bytes = 0;
    let message = await stream.data();
    while (message !== null && !message.includes("<reload>")) {
      bytes += message.length;
      message = await stream.data();
    }
    expect(message).toBe("data: <reload>\nid: 60");
    expect(bytes).toBeLessThan(500_000);
    await happen({ topic: "big", key: "after" });
    expect(await stream.data()).toContain("after");
  });

  test("a client that takes nothing for long is cut off", async () => {
    lab.web.live({ name: "big", topics: ["big"], role: "reader", render: async () => ["x".repeat(400_000)] });
    const response = await (await lab.session()).ask("/events?view=big");
    await happen({ topic: "big", key: "a" });
    await Bun.sleep(0);
    lab.clock.pass(timing.streamStuckMilliseconds + 2 * timing.streamHeartbeatMilliseconds);
    await expect(response.text()).rejects.toThrow("takes nothing");
  });
});

describe("the API's stream", () => {
  test("sends every event as JSON with its number and topic, of the topics asked for", async () => {
    const reader = await lab.token("reader");
    const all = await open(reader, "/api/v1/events");
    const some = await open(reader, "/api/v1/events?topic=disk.changed&topic=x");
    await happen(guest("a", { state: "running" }), guest("a"), { topic: "disk.changed", key: "d\n1" });
    const at = lab.clock.now();
    const json = { seq: 1, at, topic: "guest.changed", key: "a", data: { state: "running" } };
    expect(await all.data()).toBe(`event: guest.changed\ndata: ${JSON.stringify(json)}\nid: 1`);
    expect(await all.data()).toContain("id: 2");
    expect(await some.data()).toContain('event: disk.changed\ndata: {"seq":3,');
  });

  test("says reload, or resumes", async () => {
    await happen(guest("a"), guest("b"));
    const reader = await lab.token("reader");
    expect(await (await open(reader, "/api/v1/events?after=1")).data()).toContain("id: 2");
    expect(await (await open(reader, "/api/v1/events?after=99")).data()).toBe(
      "event: reload\ndata: {}\nid: 2",
    );
    expect((await reader.ask("/api/v1/events?after=-1")).status).toBe(422);
    expect((await reader.ask("/api/v1/events?from=1")).status).toBe(422);
  });

  test("a program that comes back with Last-Event-ID misses nothing, or is told to read the lists again", async () => {
    const reader = await lab.token("reader");
    const first = await open(reader, "/api/v1/events");
    await happen(guest("a"), guest("b"));
    await first.data();
    const id = /^id: (\d+)$/m.exec((await first.data()) ?? "")?.[1] ?? "none";
    expect(id).toBe("2");
    await first.cancel();
    await happen(guest("c"), { topic: "disk.changed", key: "d" });
    await happen(guest("e"));

    // The header wins over an older number in the address, as an EventSource keeps sending that.
    for (const [path, then] of [
      ["/api/v1/events", "f"],
      ["/api/v1/events?after=1", "g"],
    ] as const) {
      const again = await open(reader, path, { "last-event-id": id });
      for (const key of ["c", "d", "e"]) expect(await again.data()).toContain(`"key":"${key}"`);
      await happen(guest(then));
      if (then === "g") expect(await again.data()).toContain('"key":"f"');
      expect(await again.data()).toContain(`"key":"${then}"`);
      await again.cancel();
    }

    // Too old, of a store that was put back since, and no number at all; then the stream goes on from now.
    lab.clock.pass(1);
    await lab.store.pruneEvents(2, lab.clock.now());
    for (const old of [id, "999", "x' or 1=1"]) {
      const late = await open(reader, "/api/v1/events", { "last-event-id": old });
      expect(await late.data()).toMatch(/^event: reload\ndata: \{\}\nid: \d+$/);
      await happen(guest(`after-${old.length}`));
      expect(await late.data()).toContain(`"key":"after-${old.length}"`);
      await late.cancel();
    }
  });

  test("ends when its token is revoked", async () => {
    const reader = await lab.token("reader");
    const stream = await open(reader, "/api/v1/events");
    await stream.next();
    const [token] = await lab.web.access.tokens();
    await lab.web.access.revokeToken(token?.id ?? "");
    expect(await stream.next()).toBeNull();
  });

  test("all streams end when the server stops", async () => {
    const stream = await open(await lab.token("reader"), "/api/v1/events");
    await stream.next();
    await lab.web.stop();
    expect(await stream.next()).toBeNull();
  });
});

describe("the reader of the event log", () => {
  test("hands on the events of other controllers when it is woken, in order and each once", async () => {
    const log: LiveEvent[] = [];
    let announce: (events: readonly LiveEvent[]) => void = () => {};
    let reads = 0;
    const event = (seq: number): LiveEvent => ({ seq, at: 0, topic: "t", key: String(seq), data: null });
    const hub = new EventHub(
      {
        onEvents(listener) {
          announce = listener;
          return () => {};
        },
        async eventsAfter(seq, limit) {
          reads++;
          return log.filter((each) => each.seq > seq).slice(0, limit);
        },
        lastEventSeq: async () => log.at(-1)?.seq ?? 0,
        oldestEventSeq: async () => log[0]?.seq ?? null,
      },
      { error: () => {} },
    );
    const seen: number[] = [];
    hub.listen((events) => seen.push(...events.map((each) => each.seq)));
    expect(await hub.cursor()).toBe(0);
    log.push(event(1));
    announce([event(1)]);
    expect([seen, reads]).toEqual([[1], 0]);
    // 2 and 3 are another controller's; ours is 4.
    log.push(event(2), event(3), event(4));
    announce([event(4)]);
    await Bun.sleep(0);
    expect([seen, reads]).toEqual([[1, 2, 3, 4], 1]);
    log.push(event(5));
    hub.wake();
    hub.wake();
    await Bun.sleep(0);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

test("an event's name with a line break is refused, data with one is split", () => {
  expect(() => encodeMessage({ event: "a\ndata: forged" })).toThrow("line break");
  expect(encodeMessage({ data: "a\r\nb\rc\n" })).toBe("data: a\ndata: b\ndata: c\ndata: \n\n");
});
