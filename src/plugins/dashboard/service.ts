/** What the dashboard shows: what needs somebody, and how full everything is. */
import {
  and,
  asc,
  type ControllerContext,
  desc,
  eq,
  inArray,
  openTaskStates,
  type Task,
  tasks,
  type Viewer,
} from "jimv";
import { type GuestState, guests } from "../guests/index.ts";
import {
  fixText,
  type NodeService,
  type NodeView,
  nodeHref,
  toneOf,
  troubleOf,
  troubleText,
} from "../nodes/index.ts";
import { taskErrorText, taskHref, taskTitle } from "../tasks/index.ts";
import { type TemplateService, templateHref } from "../templates/index.ts";
import type { Need, Needs } from "./contract.ts";

/** Of one kind of trouble, more than this are counted but not named. */
const mostOfAKind = 8;
const tasksShown = 8;

export interface Capacity {
  guests: ReadonlyMap<GuestState, number>;
  nodes: { live: number; all: number; healthy: number };
  cpu: { percent: number | null; threads: number; given: number };
  memory: { usedBytes: number; allBytes: number; givenBytes: number };
  storage: { usedBytes: number; allBytes: number; freeBytes: number };
}

const mib = 1024 * 1024;
/** Guests in these states have their memory and vCPUs in use. */
const awake: readonly GuestState[] = ["starting", "running", "paused", "stopping", "migrating"];

export class DashboardService {
  constructor(
    private readonly context: Pick<ControllerContext, "store" | "clock">,
    private readonly nodes: NodeService,
    private readonly templates: TemplateService,
    private readonly others: () => readonly Needs[],
  ) {}

  /** The worst first. */
  async needs(viewer: Viewer): Promise<Need[]> {
    const lists = await Promise.all([
      this.nodeNeeds(viewer),
      this.guestNeeds(viewer),
      this.taskNeeds(viewer),
      this.templateNeeds(viewer),
      ...this.others().map((needs) => needs(viewer)),
    ]);
    const all = lists.flat();
    return [...all.filter((need) => need.tone === "bad"), ...all.filter((need) => need.tone === "warn")];
  }

  private async nodeNeeds(viewer: Viewer): Promise<Need[]> {
    const { say } = viewer;
    return (await this.nodes.list()).flatMap((node) => {
      const trouble = troubleOf(node);
      if (!trouble) return [];
      const isOpenWork = trouble === "unconfigured" || trouble === "configFailed";
      return {
        id: `node-${node.name}`,
        tone: toneOf(trouble),
        title: say("dashboard.need.node", { node: node.name }),
        detail: [
          troubleText(node, trouble, viewer, this.context.clock.now()),
          fixText(trouble, say) ?? "",
        ].join(" "),
        action: isOpenWork
          ? { label: say("nodes.setUp"), href: `${nodeHref(node.name)}/configure` }
          : { label: say("nodes.open"), href: nodeHref(node.name) },
      };
    });
  }

  private async guestNeeds({ say }: Viewer): Promise<Need[]> {
    const sick = await this.context.store.select(guests, {
      where: inArray(guests.state, ["failed", "crashed"]),
      orderBy: [desc(guests.createdAt)],
      limit: mostOfAKind,
    });
    return sick.map((guest) => ({
      id: `guest-${guest.uuid}`,
      tone: guest.state === "crashed" ? ("bad" as const) : ("warn" as const),
      title: say(`dashboard.need.${guest.state === "crashed" ? "crashed" : "failed"}`, { name: guest.name }),
      detail: guest.failedWord
        ? say(guest.failedWord, guest.failedArgs ?? {})
        : say("dashboard.need.crashedDetail", { node: guest.nodeName }),
      action: { label: say("action.open"), href: `/guests/${guest.uuid}` },
    }));
  }

  private async taskNeeds({ say }: Viewer): Promise<Need[]> {
    const left = await this.context.store.select(tasks, {
      where: and(eq(tasks.leftovers, true), inArray(tasks.state, ["failed", "cancelled"])),
      orderBy: [desc(tasks.createdAt)],
      limit: mostOfAKind,
    });
    return left.map((task) => ({
      id: `task-${task.id}`,
      tone: "warn" as const,
      title: say("dashboard.need.leftovers", { title: taskTitle(task, say) }),
      detail: `${taskErrorText(task, say) ?? ""} ${say("tasks.leftovers")}`.trim(),
      action: { label: say("action.open"), href: taskHref(task.id) },
    }));
  }

  private async templateNeeds({ say }: Viewer): Promise<Need[]> {
    const { items } = await this.templates.list({ state: "refused", limit: mostOfAKind });
    return items.map((template) => ({
      id: `template-${template.id}`,
      tone: "warn" as const,
      title: say("dashboard.need.template", { name: template.name }),
      detail: say(template.refusedWord ?? "templates.refusedTitle", template.refusedArgs ?? {}),
      action: { label: say("action.open"), href: templateHref(template.id) },
    }));
  }

  /** Of the nodes that live now; what guests were given counts on all. */
  async capacity(): Promise<Capacity> {
    const { store } = this.context;
    const all = await this.nodes.list();
    const live = all.filter((node) => node.state === "live");
    const sum = (value: (node: NodeView) => number): number =>
      live.reduce((total, node) => total + value(node), 0);
    const threads = sum((node) => node.facts?.cpus ?? 0);
    const busy = sum((node) => ((node.load?.cpuPercent ?? 0) / 100) * (node.facts?.cpus ?? 0));
    const free = sum((node) => node.storage?.availableBytes ?? 0);
    const whole = sum((node) => node.storage?.capacityBytes ?? 0);
    return {
      guests: await store.countBy(guests, guests.state),
      nodes: {
        live: live.length,
        all: all.length,
        healthy: all.filter((node) => troubleOf(node) === null).length,
      },
      cpu: {
        percent: threads > 0 ? (100 * busy) / threads : null,
        threads,
        given: await store.sum(guests, guests.vcpus, inArray(guests.state, awake)),
      },
      memory: {
        usedBytes: sum((node) => (node.load ? node.load.memoryMiB - node.load.availableMemoryMiB : 0)) * mib,
        allBytes: sum((node) => node.load?.memoryMiB ?? 0) * mib,
        givenBytes: (await store.sum(guests, guests.memoryMiB, inArray(guests.state, awake))) * mib,
      },
      storage: { usedBytes: whole - free, allBytes: whole, freeBytes: free },
    };
  }

  /** Open tasks, oldest first; how many there are in all. */
  async running(): Promise<{ items: Task[]; total: number }> {
    const where = inArray(tasks.state, openTaskStates);
    const items = await this.context.store.select(tasks, {
      where,
      orderBy: [asc(tasks.createdAt)],
      limit: tasksShown,
    });
    return { items, total: await this.context.store.count(tasks, where) };
  }

  /** The tasks that ended last. */
  recent(): Promise<Task[]> {
    const ended = inArray(tasks.state, ["succeeded", "failed", "cancelled"]);
    return this.context.store.select(tasks, {
      where: ended,
      orderBy: [desc(tasks.endedAt)],
      limit: tasksShown,
    });
  }
}
