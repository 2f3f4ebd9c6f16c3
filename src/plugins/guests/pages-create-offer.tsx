/** What the create form offers: templates, sizes and nodes, each as one thing to choose. */
import type { TriedForm, Viewer } from "jimv";
import { bytes, type Card, type Child, type Chip, mebibytes, Tile } from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import type { PoolView } from "../pools/index.ts";
import type { Template } from "../templates/index.ts";
import { creationParts } from "./joining.ts";
import { type PageNeeds, tileText } from "./pages-parts.tsx";
import { wordsOf } from "./words-pages.ts";

/** vCPUs and GiB, from the smallest up; those that no node can take are left out. */
const sizes: readonly (readonly [vcpus: number, gib: number])[] = [
  [1, 0.5],
  [1, 1],
  [1, 2],
  [2, 2],
  [2, 4],
  [4, 4],
  [4, 8],
  [8, 8],
  [8, 16],
  [4, 32],
  [8, 32],
  [16, 16],
  [16, 32],
  [8, 64],
  [16, 64],
  [32, 64],
];
/** What the form begins with. */
export const firstSize = { vcpus: 1, memoryMiB: 1024 };

/** What there is to choose from. */
export interface Offer {
  templates: readonly Template[];
  nodes: readonly NodeView[];
  /** Pools that guests can be put in. */
  pools: readonly PoolView[];
}

export async function offerOf(needs: PageNeeds): Promise<Offer> {
  const [{ items }, nodes, pools] = await Promise.all([
    needs.templates.list({}),
    needs.nodes.list(),
    needs.pools.list(),
  ]);
  const usable = pools.filter((pool) => pool.presences.some((each) => each.healthy));
  return { templates: items, nodes, pools: usable };
}

/** The sections that other plugins add to the form. */
export async function sectionsOf(
  { context: { slots } }: PageNeeds,
  viewer: Viewer,
  tried: TriedForm | null,
): Promise<Child[]> {
  const drawn = await Promise.all(slots.all(creationParts).map((part) => part.section(viewer, tried)));
  return drawn.filter((section) => section !== null);
}

export function templateCard(template: Template, viewer: Viewer): Card {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return {
    value: template.id,
    title: template.name,
    text: t("guests.page.templateOn", {
      size: bytes(lang, template.virtualSizeBytes ?? 0),
      node: template.nodeName,
    }),
    tile: <Tile text={tileText(template.icon, template.name)} />,
    ...(template.state === "ready" ? {} : { disabledBecause: t("guests.page.templateNot") }),
  };
}

export function nodeCard(node: NodeView, viewer: Viewer): Card {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { facts, storage } = node;
  if (!node.configured || node.state !== "live" || !facts || !storage)
    return { value: node.name, title: node.name, disabledBecause: t("guests.page.nodeNotReady") };
  return {
    value: node.name,
    title: node.name,
    text: t("guests.page.nodeText", {
      cpus: facts.cpus,
      free: mebibytes(lang, facts.freeMemoryMiB),
      memory: mebibytes(lang, facts.memoryMiB),
      disk: bytes(lang, storage.availableBytes),
    }),
  };
}

export const sizeKey = (vcpus: number, memoryMiB: number): string => `${vcpus}-${memoryMiB}`;

export function chipsFor({ nodes }: Offer): Chip[] {
  const cpus = Math.max(1, ...nodes.map((node) => node.facts?.cpus ?? 0));
  const memory = Math.max(1024, ...nodes.map((node) => node.facts?.memoryMiB ?? 0));
  return sizes
    .filter(([vcpus, gib]) => vcpus <= cpus && gib * 1024 <= memory)
    .map(([vcpus, gib]) => ({
      value: sizeKey(vcpus, gib * 1024),
      label: gib < 1 ? `${vcpus}C · ${gib * 1024}M` : `${vcpus}C · ${gib}G`,
      fills: { vcpus, memoryMiB: gib * 1024 },
    }));
}
