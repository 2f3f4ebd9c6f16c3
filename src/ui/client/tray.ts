/** The task tray: its count, how long ended tasks stay, and saying their end aloud. */
import { all, byId } from "./net.ts";

/** A task that went well stays this long. */
const stayMs = 10_000;

export function startTray(): void {
  const list = byId("tray-tasks");
  const button = byId("tray-button");
  const count = byId("tray-count");
  if (!list || !button || !count) return;
  const polite = region("polite");
  const assertive = region("assertive");

  const update = (): void => {
    const open = all('[data-state="running"], [data-state="queued"]', list).length;
    const { one = "", other = "" } = count.dataset;
    count.textContent = open === 1 ? one : other.replace("{n}", String(open));
    button.classList.toggle("busy", open > 0);
    button.classList.toggle(
      "failed",
      list.querySelector('[data-state="failed"], [data-state="leftovers"]') !== null,
    );
  };
  const ended = (item: HTMLElement): void => {
    const { state } = item.dataset;
    if (state === "running" || state === "queued") return;
    const text = item.textContent?.trim() ?? "";
    if (state === "succeeded" || state === "cancelled") {
      polite.textContent = text;
      setTimeout(() => item.remove(), stayMs);
    } else assertive.textContent = text;
  };
  new MutationObserver((changes) => {
    for (const { type, target } of changes) if (type === "attributes") ended(target as HTMLElement);
    update();
  }).observe(list, { childList: true, subtree: true, attributeFilter: ["data-state"] });
  update();
}

function region(politeness: "polite" | "assertive"): HTMLElement {
  const element = document.createElement("div");
  element.className = "sr";
  element.ariaLive = politeness;
  // Beside the body's children that a refresh morphs.
  document.documentElement.append(element);
  return element;
}
