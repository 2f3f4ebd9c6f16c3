/** Prepared data of the gallery: made up, the same at every run. */

import type { Language } from "../../core/words.ts";
import type { FrameNavEntry } from "../parts/frame.tsx";
import type { RunningTask } from "../parts/state.tsx";
import type { TrayTask } from "../parts/tray.tsx";
import type { StateOf } from "../states.ts";
import { say } from "../words.ts";

/** A text in both languages. */
export type Both = Record<Language, string>;
export const both = (en: string, zh: string): Both => ({ en, "zh-CN": zh });

export interface MockGuest {
  uuid: string;
  name: string;
  remark: Both;
  os: string;
  state: StateOf<"guest">;
  node: string;
  vcpus: number;
  memoryMib: number;
  address: string;
  memoryPercent: number | null;
  task?: RunningTask & { stepIn: Both };
}

const shop = both("Shop, main entry", "商城主入口");
const files = both("Static files", "静态文件");
const thumbs = both("Thumbnails", "缩略图服务");
const autumn = both("Autumn sale front", "秋促前端");
const copying = both("Copying image", "复制镜像");

let number = 0;
function guest(
  name: string,
  os: string,
  state: StateOf<"guest">,
  remark: Both,
  node: string,
  vcpus: number,
  gib: number,
  address: string,
  memoryPercent: number | null,
  task?: MockGuest["task"],
): MockGuest {
  const uuid = `00000000-0000-4000-8000-${String(++number).padStart(12, "0")}`;
  return {
    uuid,
    name,
    os,
    state,
    remark,
    node,
    vcpus,
    memoryMib: gib * 1024,
    address,
    memoryPercent,
    ...(task ? { task } : {}),
  };
}

export const guests: MockGuest[] = [
  guest("web-21", "Debian", "creating", autumn, "kvm-bj-04", 4, 8, "10.10.3.121", null, {
    id: "t1",
    percent: 62,
    etaSeconds: 14,
    stepIn: copying,
  }),
  guest("web-22", "Debian", "creating", autumn, "kvm-bj-06", 4, 8, "10.10.3.122", null, {
    id: "t2",
    percent: 34,
    etaSeconds: 26,
    stepIn: copying,
  }),
  guest("web-07", "Ubuntu", "running", shop, "kvm-bj-01", 8, 16, "10.10.3.17", 71),
  guest("web-08", "Ubuntu", "running", shop, "kvm-bj-02", 8, 16, "10.10.3.18", 66),
  guest("web-09", "Ubuntu", "migrating", shop, "kvm-bj-03", 8, 16, "10.10.3.19", 68, {
    id: "t3",
    percent: 58,
    etaSeconds: 100,
    spreadSeconds: 15,
    stepIn: both("Migrating", "迁移中"),
  }),
  guest(
    "web-legacy",
    "C7",
    "off",
    both("Old shop, read only", "旧商城，只读"),
    "kvm-bj-04",
    2,
    4,
    "10.10.3.40",
    null,
  ),
  guest("cdn-edge-01", "Debian", "running", files, "kvm-bj-05", 4, 8, "10.10.3.61", 43),
  guest("cdn-edge-02", "Debian", "paused", files, "kvm-bj-06", 4, 8, "10.10.3.62", 41),
  guest(
    "cms-01",
    "C7",
    "starting",
    both("Editors’ desk", "内容编辑后台"),
    "kvm-bj-02",
    4,
    8,
    "10.10.3.70",
    22,
  ),
  guest("img-resize-01", "Ubuntu", "crashed", thumbs, "kvm-bj-05", 4, 8, "10.10.3.74", null),
  guest("img-resize-02", "Ubuntu", "stopping", thumbs, "kvm-bj-07", 4, 8, "10.10.3.75", 57),
  guest(
    "iis-portal",
    "Windows",
    "failed",
    both("Partner portal", "合作伙伴门户"),
    "kvm-bj-01",
    4,
    16,
    "10.10.3.81",
    null,
  ),
  guest(
    "a-name-that-is-as-long-as-a-hostname-may-be-with-sixty-three-char",
    "Debian",
    "deleting",
    both("<b>Foreign text</b> stays text", "<b>外来文本</b>只是文本"),
    "kvm-bj-08",
    2,
    4,
    "10.10.3.88",
    null,
  ),
  guest(
    "search-gw",
    "Debian",
    "unknown",
    both("Search gateway", "搜索网关"),
    "kvm-bj-08",
    2,
    4,
    "10.10.3.89",
    null,
  ),
  guest(
    "win-lab",
    "Windows",
    "foreign",
    both("Not made by JimV", "非 JimV 创建"),
    "kvm-bj-02",
    4,
    8,
    "–",
    null,
  ),
];

/** Navigation with figures, as a running cluster shows it. */
export function mockNav(lang: Language): FrameNavEntry[] {
  return [
    { href: "/", icon: "dashboard", label: say(lang, "nav.dashboard"), group: "top" },
    { href: "/guests", icon: "guest", label: say(lang, "nav.guests"), group: "compute", count: 128 },
    { href: "/disks", icon: "disk", label: say(lang, "nav.disks"), group: "compute", count: 213 },
    { href: "/templates", icon: "template", label: say(lang, "nav.templates"), group: "compute", count: 11 },
    {
      href: "/nodes",
      icon: "node",
      label: say(lang, "nav.nodes"),
      group: "infrastructure",
      count: "7/8",
      alarm: "bad",
    },
    {
      href: "/pools",
      icon: "pool",
      label: say(lang, "nav.pools"),
      group: "infrastructure",
      count: 1,
      alarm: "warn",
    },
    { href: "/tasks", icon: "task", label: say(lang, "nav.tasks"), group: "watch", count: 3 },
    { href: "/alerts", icon: "alert", label: say(lang, "nav.alerts"), group: "watch" },
    { href: "/logs", icon: "log", label: say(lang, "nav.logs"), group: "watch" },
    { href: "/users", icon: "users", label: say(lang, "nav.users"), group: "system" },
    { href: "/settings", icon: "settings", label: say(lang, "nav.settings"), group: "system" },
  ];
}

export function mockTray(lang: Language): TrayTask[] {
  const create = (name: string): string => (lang === "en" ? `Create ${name}` : `创建 ${name}`);
  return [
    {
      id: "t1",
      state: "running",
      title: create("web-21"),
      href: "/tasks/t1",
      percent: 62,
      step: copying[lang],
      etaSeconds: 14,
      cancel: "/tasks/t1/cancel",
    },
    {
      id: "t2",
      state: "running",
      title: create("web-22"),
      href: "/tasks/t2",
      percent: null,
      step: copying[lang],
      cancel: "/tasks/t2/cancel",
    },
    {
      id: "t4",
      state: "queued",
      title: create("web-23"),
      href: "/tasks/t4",
      percent: 0,
      cancel: "/tasks/t4/cancel",
    },
    {
      id: "t5",
      state: "failed",
      title: create("db-9"),
      href: "/tasks/t5",
      percent: 40,
      error:
        lang === "en"
          ? "Pool ssd-local is full. Free 12 GiB or choose another pool."
          : "存储池 ssd-local 已满。请释放 12 GiB 或选择其他存储池。",
    },
  ];
}
