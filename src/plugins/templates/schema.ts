/** Templates: golden images, each on one node, with what it takes to start a guest from one. */
import { bigint, bool, integer, json, longText, type Row, table, text, time, unique } from "jimv";

export const osFamilies = ["linux", "windows", "bsd", "other"] as const;
export type OsFamily = (typeof osFamilies)[number];

/** How a new guest is told who it is: a NoCloud seed disk, the guest agent, or not at all. */
export const initModes = ["cloud-init", "agent", "none"] as const;
export type InitMode = (typeof initModes)[number];

export const templateIcons = [
  "debian",
  "ubuntu",
  "centos",
  "rocky",
  "windows",
  "freebsd",
  "generic",
] as const;
export type TemplateIcon = (typeof templateIcons)[number];

/** `refused` templates can't be used; checking them again may make them ready. */
export const templateStates = ["checking", "ready", "refused"] as const;
export type TemplateState = (typeof templateStates)[number];

export const templates = table(
  "templates",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** The name in lower case: `Debian` and `debian` are one template. */
    nameKey: text(128).notNull(),
    /** Of the image file on its node: absolute, without links. */
    path: longText().notNull(),
    nodeName: text(64).notNull(),
    osFamily: text<OsFamily>(16).notNull(),
    /** Guests' clocks run in local time, as Windows wants it. */
    isWindows: bool().notNull(),
    /** Never less than the image itself. */
    defaultSizeGiB: integer().notNull(),
    icon: text<TemplateIcon>(16).notNull(),
    init: text<InitMode>(16).notNull(),
    /** The user whose password is set. */
    userName: text(32).notNull(),
    state: text<TemplateState>(16).notNull(),
    refusedWord: text(96),
    refusedArgs: json<Record<string, string | number>>(),
    /** What the check found; null before the first one that went well. */
    format: text<"qcow2" | "raw">(16),
    virtualSizeBytes: bigint(),
    actualSizeBytes: bigint(),
    /** Other users of the node may read the file. */
    othersRead: bool().notNull(),
    checkedAt: time(),
    createdAt: time().notNull(),
  },
  (t) => [unique("templates_name_key", t.nameKey)],
);
export type Template = Row<typeof templates>;
