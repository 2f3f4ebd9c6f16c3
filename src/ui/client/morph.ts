/** What the page adds to htmx's swaps: idempotent appends, bars that never go back, the flash of a change. */
import { all, type SwapTask } from "./net.ts";

/** Plays the flash; removed at its end, so that the next change flashes again. */
function flash(element: Element): void {
  element.classList.add("flash");
  element.addEventListener("animationend", () => element.classList.remove("flash"), { once: true });
  // Without animation (reduced motion) there is no end to wait for.
  setTimeout(() => element.classList.remove("flash"), 1000);
}

export function startMorph(): void {
  window.htmx.registerExtension("jimv", {
    // Within one task a bar never goes back: a late message changes nothing.
    htmx_before_morph_node: (old: Element, { newNode }: { newNode: Element }) => {
      if (!(old instanceof HTMLElement) || !(newNode instanceof HTMLElement) || !old.dataset.task)
        return undefined;
      const late =
        old.dataset.task === newNode.dataset.task && Number(newNode.dataset.at) < Number(old.dataset.at);
      return late ? false : undefined;
    },
  });
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    for (const task of detail.tasks) {
      replaceInstead(task);
      if (task.target && task.swapSpec.style.endsWith("Morph")) watch(task.target);
    }
  });
}

/** A message that adds what is on the page already (a replayed one) replaces it. */
function replaceInstead(task: SwapTask): void {
  const id = task.fragment.firstElementChild?.id;
  const there = id && /^(before|after)/.test(task.swapSpec.style) ? document.getElementById(id) : null;
  if (!there) return;
  task.target = there;
  task.swapSpec = { ...task.swapSpec, style: "outerMorph" };
}

/** Flashes what has another `data-flash` after the swap. */
function watch(target: Element): void {
  const seen = all("[data-flash]", target).map((element) => [element, element.dataset.flash] as const);
  if (target instanceof HTMLElement && target.dataset.flash) seen.push([target, target.dataset.flash]);
  document.addEventListener(
    "htmx:after:swap",
    () => {
      for (const [element, before] of seen)
        if (element.isConnected && element.dataset.flash !== before) flash(element);
    },
    { once: true },
  );
}
