/** The frame around every page for people who are signed in: navigation, header, content, foot. */
import { isIcon } from "../icons.ts";
import { say } from "../words.ts";
import { Button, IconButton } from "./button.tsx";
import { Document, type DocumentProps } from "./document.tsx";
import { Icon } from "./icon.tsx";
import { type Child, cx, type Language } from "./kit.ts";
import { Logo } from "./logo.tsx";
import { Menu } from "./menu.tsx";
import { KeysDialog, Palette } from "./palette.tsx";
import { LanguageSwitch, ThemeSwitch } from "./switches.tsx";
import { TaskTray, type TrayTask } from "./tray.tsx";

export interface FrameNavEntry {
  href: string;
  /** Other pages that belong to it. */
  also?: readonly string[];
  icon: string;
  label: string;
  group: "top" | "compute" | "infrastructure" | "watch" | "system";
  /** A figure beside it, and whether it is a bad one. */
  count?: string | number;
  alarm?: "warn" | "bad";
}

export interface Crumb {
  href: string;
  label: string;
}

export interface FrameProps extends Omit<DocumentProps, "kind" | "script"> {
  nav: readonly FrameNavEntry[];
  /** The path asked for: marks where we are in the navigation. */
  path: string;
  /** The places above this page; the page's own title comes last by itself. */
  crumbs: readonly Crumb[];
  user: { name: string; role: string };
  version: string;
  /** Which controller leads, in a cluster. */
  controller?: string;
  tray?: readonly TrayTask[];
  /** Where the palette asks. */
  searchUrl?: string;
  signOutUrl?: string;
  children?: Child;
}

const groups = ["top", "compute", "infrastructure", "watch", "system"] as const;
/** Up to this many entries stand in the bottom bar of small screens, before "more". */
const barEntries = 4;
/** The order in which entries claim a place there. */
const barOrder = ["/", "/guests", "/nodes", "/tasks", "/templates", "/disks"];

export function Frame(p: FrameProps) {
  const { lang } = p;
  const current = currentEntry(p.nav, p.path);
  return (
    <Document lang={lang} theme={p.theme} title={p.title} csrf={p.csrf} kind="framed" stream={p.stream}>
      <a class="skip" href="#main">
        {say(lang, "frame.skip")}
      </a>
      <header class="top">
        <IconButton
          icon="menu"
          label={say(lang, "frame.menu")}
          class="nav-toggle"
          extra={{ "data-nav": "", "aria-controls": "nav" }}
        />
        <nav class="crumbs" aria-label={say(lang, "frame.crumbs")}>
          {p.crumbs.map((crumb) => (
            <>
              <a href={crumb.href}>{crumb.label}</a>
              <span aria-hidden="true">/</span>
            </>
          ))}
          <b aria-current="page">{p.title}</b>
        </nav>
        <button
          type="button"
          class="search"
          data-palette
          aria-haspopup="dialog"
          aria-label={say(lang, "frame.search")}
        >
          <Icon name="search" />
          <span>{say(lang, "frame.search")}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <TaskTray lang={lang} tasks={p.tray ?? []} allHref="/tasks" />
        <LanguageSwitch lang={lang} />
        <ThemeSwitch lang={lang} theme={p.theme} />
        <UserMenu lang={lang} user={p.user} signOutUrl={p.signOutUrl ?? "/sign-out"} />
      </header>
      <nav class="nav" id="nav" aria-label={say(lang, "frame.main")}>
        <a class="home" href="/">
          <Logo />
        </a>
        <div class="nav-list">
          {groups.map((group) => (
            <NavGroup
              lang={lang}
              group={group}
              entries={p.nav.filter((e) => e.group === group)}
              current={current}
            />
          ))}
        </div>
        <div class="foot">
          <div class="lamp" data-lamp={p.stream ? "connecting" : "off"}>
            <span class="dot" />
            <span data-lamp-text role="status">
              {p.stream ? say(lang, "frame.connecting") : null}
            </span>
          </div>
          <div>
            {p.controller ? `${say(lang, "frame.leads", { controller: p.controller })} · ` : null}
            {p.version}
          </div>
        </div>
      </nav>
      <main id="main" tabindex={-1}>
        {p.children}
      </main>
      <nav class="bar-nav" aria-label={say(lang, "frame.short")}>
        {barOf(p.nav).map((entry) => (
          <NavLink entry={entry} current={entry === current} />
        ))}
        <button type="button" data-nav aria-controls="nav">
          <Icon name="more" />
          <span class="txt">{say(lang, "action.more")}</span>
        </button>
      </nav>
      <Palette lang={lang} url={p.searchUrl ?? "/search"} />
      <KeysDialog lang={lang} />
    </Document>
  );
}

function NavGroup(p: {
  lang: Language;
  group: FrameNavEntry["group"];
  entries: readonly FrameNavEntry[];
  current: FrameNavEntry | null;
}) {
  if (p.entries.length === 0) return null;
  return (
    <>
      {p.group === "top" ? null : <h2>{say(p.lang, `nav.group.${p.group}`)}</h2>}
      <ul>
        {p.entries.map((entry) => (
          <li>
            <NavLink entry={entry} current={entry === p.current} />
          </li>
        ))}
      </ul>
    </>
  );
}

function NavLink({ entry, current }: { entry: FrameNavEntry; current: boolean }) {
  return (
    <a href={entry.href} aria-current={current ? "page" : undefined} title={entry.label} data-nav-entry>
      <Icon name={isIcon(entry.icon) ? entry.icon : "plug"} />
      <span class="txt">{entry.label}</span>
      {entry.count === undefined ? null : (
        <span class={cx("n", entry.alarm)}>
          {entry.alarm ? <Icon name={entry.alarm} /> : null}
          {entry.count}
        </span>
      )}
    </a>
  );
}

/** The signed-in user's menu: who one is, keys, the way out. */
function UserMenu({
  lang,
  user,
  signOutUrl,
}: {
  lang: Language;
  user: FrameProps["user"];
  signOutUrl: string;
}) {
  return (
    <>
      <button
        type="button"
        class="avatar"
        popovertarget="user-menu"
        aria-haspopup="menu"
        aria-label={say(lang, "frame.user", { name: user.name })}
      >
        {Array.from(user.name)[0]?.toUpperCase()}
      </button>
      <Menu id="user-menu" label={say(lang, "frame.user", { name: user.name })}>
        <p class="who">
          <b>{user.name}</b>
          <small>{user.role}</small>
        </p>
        <Button kind="quiet" icon="keyboard" dialog="keys">
          {say(lang, "frame.keys")}
        </Button>
        <Button kind="quiet" icon="signOut" post={signOutUrl}>
          {say(lang, "action.signOut")}
        </Button>
      </Menu>
    </>
  );
}

/** The entry with the longest address that the path begins with. */
function currentEntry(nav: readonly FrameNavEntry[], path: string): FrameNavEntry | null {
  const fits = (href: string): boolean => path === href || (href !== "/" && path.startsWith(`${href}/`));
  const found = nav.flatMap((entry) =>
    [entry.href, ...(entry.also ?? [])].filter(fits).map((href) => ({ entry, length: href.length })),
  );
  found.sort((one, other) => other.length - one.length);
  return found[0]?.entry ?? null;
}

function barOf(nav: readonly FrameNavEntry[]): FrameNavEntry[] {
  return barOrder.flatMap((href) => nav.filter((entry) => entry.href === href)).slice(0, barEntries);
}
