/** Several events of one thing as one. */
import { isMade, made } from "../store/index.ts";
import type { LiveEvent } from "./contract.ts";

/**
 * Of several events of one thing only the last one, in the order of those. Where one of them told that the thing is new,
 * so does that: else it would come into no list when it changes at once.
 */
export function coalesce(events: readonly LiveEvent[]): LiveEvent[] {
  const last = new Map<string, LiveEvent>();
  for (const event of events) {
    const thing = JSON.stringify([event.topic, event.key]);
    const before = last.get(thing);
    // Put anew at the end, so that the order stays that of the newest events.
    last.delete(thing);
    last.set(
      thing,
      before && isMade(before) ? { ...event, data: { ...(event.data ?? {}), ...made } } : event,
    );
  }
  return [...last.values()];
}
