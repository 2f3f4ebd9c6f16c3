/** Our furniture behind the server's `Shell` contract: frames, refusals, field messages, search hits. */
import type { Framing, Shell, Viewer } from "../core/http/contract.ts";
import { append, html, reload } from "./live.ts";
import { ErrorPage } from "./parts/error.tsx";
import { Frame, type FrameNavEntry } from "./parts/frame.tsx";
import { PaletteHits } from "./parts/palette.tsx";
import { PlainFrame } from "./parts/plain.tsx";
import { raw } from "./parts/raw.ts";
import { Toast } from "./parts/toast.tsx";
import type { TrayTask } from "./parts/tray.tsx";
import { say } from "./words.ts";

export interface ShellOptions {
  version: string;
  /** The tasks that a viewer's tray shows when a page is loaded; called when the page is there, which may have read some. */
  tray?: (viewer: Viewer) => Promise<() => readonly TrayTask[]>;
  /** Views that every framed page holds beside its own: the tray's. */
  views?: readonly string[];
}

/** Makes the shell that the program hands to the server. */
export function makeShell(options: ShellOptions): Shell {
  return {
    frame: (viewer) => frameFor(viewer, options),
    error: ({ viewer, status, title, detail, id }) =>
      whole(
        <PlainFrame
          lang={viewer.language}
          theme={viewer.theme}
          title={title}
          csrf={viewer.csrf}
          stream={null}
          version={options.version}
          narrow
        >
          <ErrorPage lang={viewer.language} status={status} title={title} detail={detail} id={id} />
        </PlainFrame>,
      ),
    async errorFragment({ viewer, detail, id }) {
      const toast = await html(
        <Toast lang={viewer.language} tone="bad">
          {detail} {id ? <code>{id}</code> : null}
        </Toast>,
      );
      return append("toasts", toast);
    },
    fieldMessage: ({ text }) => (text === "" ? "" : <span>{text}</span>),
    searchHits: ({ hits }) => <PaletteHits hits={hits} />,
    reload,
  };
}

/** The frame around a page of this viewer; the tray's tasks are asked for at once. */
function frameFor(viewer: Viewer, options: ShellOptions): Framing {
  const tray = options.tray?.(viewer) ?? Promise.resolve(() => []);
  // A page that fails, or has no tray, never looks at it.
  tray.catch(() => {});
  return async (input) => {
    const shared = {
      lang: viewer.language,
      theme: viewer.theme,
      title: input.title,
      csrf: viewer.csrf,
      version: options.version,
      stream: input.frame === "full" ? withViews(input.stream, options.views ?? []) : input.stream,
    };
    const inside = raw(await html(input.page));
    const document =
      input.frame !== "full" ? (
        <PlainFrame {...shared} narrow={input.frame === "narrow"}>
          {inside}
        </PlainFrame>
      ) : (
        <Frame
          {...shared}
          nav={input.nav.map((entry): FrameNavEntry => {
            const { figure } = entry;
            return {
              href: entry.href,
              ...(entry.also ? { also: entry.also } : {}),
              icon: entry.icon,
              label: viewer.say(entry.word),
              group: entry.group,
              ...(figure ? { count: figure.text, ...(figure.alarm ? { alarm: figure.alarm } : {}) } : {}),
            };
          })}
          path={input.path}
          crumbs={input.crumbs}
          user={{ name: viewer.actor.name, role: say(viewer.language, `frame.roles.${viewer.role}`) }}
          tray={(await tray)()}
        >
          {inside}
        </Frame>
      );
    return whole(document);
  };
}

async function whole(document: { toString(): string } | Promise<{ toString(): string }>): Promise<string> {
  return `<!doctype html>${await html(document)}`;
}

/** The stream's address with more views. */
function withViews(stream: string | null, views: readonly string[]): string | null {
  if (views.length === 0) return stream;
  const more = views.map((view) => `view=${encodeURIComponent(view)}`).join("&");
  return stream === null ? `/events?${more}` : `${stream}&${more}`;
}
