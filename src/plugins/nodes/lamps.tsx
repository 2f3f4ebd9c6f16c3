/** A node's workers: what each does, since when, and which of them need somebody. */
import type { LaneStatus, Viewer } from "jimv";
import { DefinitionList, StateMark, Time } from "jimv/ui";

const known = [
  "events",
  "connect",
  "short",
  "long",
  "stats",
  "agent",
  "tasks",
  "outbox",
  "certificate",
] as const;

/** The worker's name for people: `short-2` is one of `short`. Plugins' own keep their names. */
export function lampName(name: string, say: Viewer["say"]): string {
  const word = known.find((one) => one === name.replace(/-\d+$/, ""));
  return word ? say(`nodes.lamp.${word}`) : name;
}

const severity = ["ok", "busy", "down", "stuck"] as const;

/** Workers of one kind stand for each other: the worst of `short-1`, `short-2` … is shown. */
function worstOfEach(lamps: readonly LaneStatus[]): LaneStatus[] {
  const worst = new Map<string, LaneStatus>();
  for (const lamp of lamps) {
    const stem = lamp.name.replace(/-\d+$/, "");
    const before = worst.get(stem);
    if (!before || severity.indexOf(lamp.state) > severity.indexOf(before.state)) worst.set(stem, lamp);
  }
  return [...worst.values()];
}

/** A certificate does not stop; it ends. */
function wordOf(lamp: LaneStatus, say: Viewer["say"]): { word?: string } {
  return lamp.name === "certificate" && lamp.state === "down" ? { word: say("nodes.lamp.ending") } : {};
}

/** All kinds of workers, one line each. */
export function LampList({ lamps, viewer }: { lamps: readonly LaneStatus[]; viewer: Viewer }) {
  const { say, language } = viewer;
  return (
    <DefinitionList
      lang={language}
      items={worstOfEach(lamps).map((lamp) => ({
        label: lampName(lamp.name, say),
        value: (
          <>
            <StateMark kind="worker" state={lamp.state} lang={language} {...wordOf(lamp, say)} />{" "}
            {lamp.call !== null && lamp.since !== null && lamp.state === "stuck" ? (
              <span class="hint">
                {lamp.call} · <Time lang={language} at={lamp.since} />
              </span>
            ) : lamp.queueLength > 0 ? (
              <span class="hint">{say("nodes.lamp.queue", { n: lamp.queueLength })}</span>
            ) : null}
          </>
        ),
      }))}
    />
  );
}

/** In a row of the list: marks of those that are not well, or one mark for all. */
export function LampSummary({ lamps, viewer }: { lamps: readonly LaneStatus[]; viewer: Viewer }) {
  const { say, language } = viewer;
  const sick = lamps.filter((lamp) => lamp.state === "stuck" || lamp.state === "down");
  const [worst] = sick;
  if (!worst)
    return lamps.length > 0 ? (
      <StateMark kind="worker" state="ok" lang={language} />
    ) : (
      <span class="dim">–</span>
    );
  const word =
    sick.length === 1 ? lampName(worst.name, say) : `${lampName(worst.name, say)} +${sick.length - 1}`;
  return <StateMark kind="worker" state={worst.state} lang={language} word={word} />;
}
