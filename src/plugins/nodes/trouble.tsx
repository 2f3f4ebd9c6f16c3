/** What is wrong with a node in words: for its row, its page, and the dashboard. */
import type { Viewer } from "jimv";
import { absoluteTime, bytes, type Child, Notice, type StateMark, timeOfDay } from "jimv/ui";
import { lampName } from "./lamps.tsx";
import { type NodeTrouble, type NodeView, troubleOf, usedPercent } from "./view.ts";

/** The mark for a node's state and trouble together. */
export function nodeMark(
  node: NodeView,
): Extract<Parameters<typeof StateMark>[0], { kind: "node" }>["state"] {
  const trouble = troubleOf(node);
  if (trouble === "offline") return "offline";
  if (node.config.state === "configuring" && !node.configured) return "joining";
  if (trouble !== null) return "degraded";
  return node.maintenance ? "maintenance" : "live";
}

const halfDayMilliseconds = 12 * 3_600_000;

/** When something began: the time of day, with the date where it is long ago. */
function sinceText(language: Viewer["language"], time: number, now: number): string {
  return now - time > halfDayMilliseconds ? absoluteTime(language, time) : timeOfDay(language, time);
}

/** The sentence for a trouble. */
export function troubleText(node: NodeView, trouble: NodeTrouble, viewer: Viewer, now: number): string {
  const { say, language } = viewer;
  // A point in time stays true while the page is open; "20 s ago" would not.
  const at = (time: number): string => sinceText(language, time, now);
  switch (trouble) {
    case "offline":
    case "silent":
      return say(`nodes.trouble.${trouble}`, { time: at(node.heardAt) });
    case "libvirt":
      return say("nodes.trouble.libvirt", { reason: node.hypervisor?.reason ?? "" });
    case "stuck": {
      const stuck = node.lamps.find((lamp) => lamp.state === "stuck");
      // The events' worker hangs by itself, and its reason says what to do.
      if (stuck?.name === "events" && node.hypervisor?.reason) return node.hypervisor.reason;
      return say("nodes.trouble.stuck", { time: at(stuck?.since ?? node.heardAt) });
    }
    case "configFailed": {
      const { error } = node.config;
      return say("nodes.trouble.configFailed", { reason: error ? say(error.word, error.args) : "" });
    }
    case "unconfigured":
      return say("nodes.trouble.unconfigured");
    case "diskFull":
      return say("nodes.trouble.diskFull", {
        percent: usedPercent(node).storage ?? 0,
        free: bytes(language, node.storage?.availableBytes ?? 0),
      });
    case "clock": {
      const minutes = Math.round(Math.abs(node.clockAheadMilliseconds) / 60_000);
      return say(`nodes.trouble.clock${node.clockAheadMilliseconds > 0 ? "Ahead" : "Behind"}`, { minutes });
    }
    case "ports": {
      const { ranges = "", refused = "" } = node.ports?.reserved ?? {};
      return say("nodes.trouble.ports", { ranges, reason: refused ?? "" });
    }
    case "down": {
      const down = node.lamps.find((lamp) => lamp.state === "down");
      if (down?.name === "certificate") return say("nodes.trouble.certificate");
      return say("nodes.trouble.down", { lamp: down ? lampName(down.name, say) : "" });
    }
  }
}

/** What a person can do about it, where more can be said than the sentence says. */
const fixes: Partial<Record<NodeTrouble, string>> = {
  offline: "nodes.fix.offline",
  silent: "nodes.fix.silent",
  libvirt: "nodes.fix.libvirt",
  stuck: "nodes.fix.stuck",
  diskFull: "nodes.fix.diskFull",
  clock: "nodes.fix.clock",
  ports: "nodes.fix.ports",
};

export const fixText = (trouble: NodeTrouble, say: Viewer["say"]): string | null => {
  const word = fixes[trouble];
  return word ? say(word) : null;
};

/** Bad is what stops guests from being made or changed there. */
export const toneOf = (trouble: NodeTrouble): "bad" | "warn" =>
  trouble === "offline" || trouble === "libvirt" || trouble === "stuck" ? "bad" : "warn";

/** The notice on a node's page; nothing when all is well. */
export function TroubleNotice(p: { node: NodeView; viewer: Viewer; now: number; actions?: Child }) {
  const trouble = troubleOf(p.node);
  if (!trouble) return null;
  return (
    <Notice
      tone={toneOf(trouble)}
      title={troubleText(p.node, trouble, p.viewer, p.now)}
      {...(p.actions ? { actions: p.actions } : {})}
    >
      {fixText(trouble, p.viewer.say)}
    </Notice>
  );
}
