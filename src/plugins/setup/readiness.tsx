/** The readiness checks as a person sees them: a summary, two panels, each row replaced as it changes. */
import type { Viewer } from "jimv";
import { Command, Notice, Readiness, type ReadinessItem } from "jimv/ui";
import type { Check } from "./contract.ts";

const services = ["database", "road"];

export function itemOf(check: Check, viewer: Viewer): ReadinessItem {
  const { say, language } = viewer;
  const fix = check.fixes.map((one) => (
    <>
      <p>{say(one.word, one.args)}</p>
      {one.command ? <Command lang={language} text={one.command} /> : null}
    </>
  ));
  return {
    id: check.id,
    state: check.state,
    title: say(`setup.check.${check.id}`),
    found: "text" in check.found ? check.found.text : say(check.found.word, check.found.args),
    ...(fix.length > 0 ? { fix } : {}),
  };
}

export function CheckPanels({ viewer, checks }: { viewer: Viewer; checks: readonly Check[] }) {
  const machine = checks.filter((check) => !services.includes(check.id));
  const around = checks.filter((check) => services.includes(check.id));
  return (
    <>
      {machine.length > 0 ? <CheckPanel viewer={viewer} word="setup.machine" checks={machine} /> : null}
      <CheckPanel viewer={viewer} word="setup.services" checks={around} />
    </>
  );
}

function CheckPanel({ viewer, word, checks }: { viewer: Viewer; word: string; checks: readonly Check[] }) {
  const ok = checks.filter((check) => check.state === "ok").length;
  return (
    <Readiness
      lang={viewer.language}
      title={viewer.say(word)}
      summary={viewer.say("setup.passed", { ok, all: checks.length })}
      items={checks.map((check) => itemOf(check, viewer))}
    />
  );
}

/** What stops one, and what can wait. Its id is `set-up-summary`. */
export function Summary({ viewer, checks }: { viewer: Viewer; checks: readonly Check[] }) {
  const { say } = viewer;
  const count = (state: Check["state"]): number => checks.filter((check) => check.state === state).length;
  const bad = count("bad");
  const warn = count("warn");
  const warnings = warn > 0 ? say(`setup.warns_${warn === 1 ? "one" : "other"}`, { n: warn }) : "";
  const tone = bad > 0 ? "bad" : count("running") > 0 ? "info" : warn > 0 ? "warn" : "ok";
  if (bad > 0)
    return (
      <Notice
        tone={tone}
        id="set-up-summary"
        title={say(`setup.stops_${bad === 1 ? "one" : "other"}`, { n: bad })}
      >
        {say("setup.stopsRest")} {warnings}
      </Notice>
    );
  if (count("running") > 0)
    return (
      <Notice tone={tone} id="set-up-summary">
        {say("setup.looksRest")} {warnings}
      </Notice>
    );
  return (
    <Notice tone={tone} id="set-up-summary" title={warn > 0 ? warnings : say("setup.allGood")}>
      {say("setup.allGoodRest")}
    </Notice>
  );
}
