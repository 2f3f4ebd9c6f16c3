/** Templates: golden images, each on one node, with what it takes to start a guest from one. */
import {
  bigint,
  bool,
  index,
  integer,
  json,
  longText,
  primaryKey,
  type Row,
  table,
  text,
  time,
  unique,
} from "jimv";

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
    /** As long as the file is, holes included: what a copy from another machine reads. */
    fileSizeBytes: bigint(),
    /** Other users of the node may read the file. */
    othersRead: bool().notNull(),
    checkedAt: time(),
    /** How often guests were asked of it: whoever decides something by what depends on it demands that this stood still. */
    uses: integer().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [unique("templates_name_key", t.nameKey)],
);
export type Template = Row<typeof templates>;

/** Copies of templates in pools, made on demand. One for each place: a shared pool, or a node's part of a local one. */
export const templateCopies = table(
  "templates_copies",
  {
    templateId: text(36).notNull(),
    /** As `roomKey` of the pools says it. */
    place: text(128).notNull(),
    poolId: text(36).notNull(),
    /** Who made it. */
    nodeName: text(64).notNull(),
    path: text(191).notNull(),
    /** While it is being made. */
    taskId: text(36),
    createdAt: time().notNull(),
  },
  (t) => [primaryKey(t.templateId, t.place), index("templates_copies_pool", t.poolId)],
);
export type TemplateCopy = Row<typeof templateCopies>;
