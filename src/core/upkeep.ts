/** What the leader tidies up now and then: events that no browser will ask for again, and old ended tasks. */
import type { Clock } from "./clock.ts";
import type { Log } from "./log/log.ts";
import { and, isNotNull, lt, remove, type Store } from "./store/index.ts";
import { tasks } from "./tasks/schema.ts";
import { timing } from "./timing.ts";
import { steadily } from "./turns.ts";
import type { Undo } from "./undo.ts";

/** So many events stay however old they are, so that a browser on a quiet cluster can always resume. */
const eventsAlwaysKept = 5_000;

export function keepTidy(world: { store: Store; clock: Clock; log: Log }): Undo {
  const { store, clock, log } = world;
  return steadily(clock, log, "upkeep", timing.pruneMilliseconds, async () => {
    const now = clock.now();
    const events = await store.pruneEvents(eventsAlwaysKept, now - timing.eventsKeepMilliseconds);
    await store.run(
      remove(tasks, and(isNotNull(tasks.endedAt), lt(tasks.endedAt, now - timing.tasksKeepMilliseconds))),
    );
    log.debug("tidied up", { events });
  });
}
