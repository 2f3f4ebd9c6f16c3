/** The gallery: every component and the pages made of them, with made-up data, in both languages and themes. */
import { type Language, languageOf, languages } from "../../core/words.ts";
import { serveAsset } from "../assets.ts";
import { documentHtml } from "../live.ts";
import { ConsolePage } from "../parts/console.tsx";
import { ErrorPage } from "../parts/error.tsx";
import { Frame } from "../parts/frame.tsx";
import type { Child } from "../parts/kit.ts";
import { PlainFrame } from "../parts/plain.tsx";
import type { Theme } from "../preferences.ts";
import { say } from "../words.ts";
import { mockNav, mockTray } from "./data.ts";
import { CreatePage, SetupPage, SignInPage } from "./forms.tsx";
import { GuestPage, GuestsPage } from "./guests.tsx";
import { PartsPage } from "./parts.tsx";

export interface Look {
  lang: Language;
  theme: Theme;
  /** Where a live stream is, if the page shall have one. */
  stream?: string | null;
}

function framed(
  { lang, theme, stream }: Look,
  path: string,
  title: string,
  page: Child,
  crumbs: { href: string; label: string }[] = [],
): Promise<string> {
  return documentHtml(
    <Frame
      lang={lang}
      theme={theme}
      title={title}
      csrf="gallery-token"
      stream={stream ?? null}
      nav={mockNav(lang)}
      path={path}
      crumbs={crumbs}
      user={{ name: "admin", role: say(lang, "frame.roles.administrator") }}
      version="0.1.0"
      controller="jimv-c1"
      tray={mockTray(lang)}
    >
      {page}
    </Frame>,
  );
}

function plain({ lang, theme }: Look, title: string, page: Child, narrow: boolean): Promise<string> {
  return documentHtml(
    <PlainFrame
      lang={lang}
      theme={theme}
      title={title}
      csrf="gallery-token"
      stream={null}
      version="0.1.0"
      narrow={narrow}
    >
      {page}
    </PlainFrame>,
  );
}

/** Each page of the gallery by its name. */
export const galleryPages = {
  parts: (look: Look) => framed(look, "/gallery", "Gallery", <PartsPage lang={look.lang} />),
  guests: (look: Look) =>
    framed(look, "/guests", say(look.lang, "nav.guests"), <GuestsPage lang={look.lang} />),
  "guests-empty": (look: Look) =>
    framed(look, "/guests", say(look.lang, "nav.guests"), <GuestsPage lang={look.lang} rows={[]} />),
  guest: (look: Look) =>
    framed(look, "/guests/x", "mysql-prod-01", <GuestPage lang={look.lang} />, [
      { href: "/guests", label: say(look.lang, "nav.guests") },
    ]),
  create: (look: Look) =>
    framed(look, "/guests/new", say(look.lang, "action.create"), <CreatePage lang={look.lang} />, [
      { href: "/guests", label: say(look.lang, "nav.guests") },
    ]),
  setup: (look: Look) => plain(look, "JimV", <SetupPage lang={look.lang} />, false),
  "sign-in": (look: Look) =>
    plain(look, say(look.lang, "action.signIn"), <SignInPage lang={look.lang} />, true),
  error: (look: Look) =>
    plain(
      look,
      say(look.lang, "error.404"),
      <ErrorPage
        lang={look.lang}
        status={404}
        title={say(look.lang, "error.404")}
        detail={say(look.lang, "error.404.hint")}
        id="01JD3K5T"
      />,
      true,
    ),
  console: (look: Look) =>
    documentHtml(
      <ConsolePage
        lang={look.lang}
        theme={look.theme}
        csrf="gallery-token"
        name="web-07"
        href="/guests/x"
        ticketUrl="/console/ticket"
        socketUrl="/console/socket"
      />,
    ),
} satisfies Record<string, (look: Look) => Promise<string>>;

/** Answers `/gallery`, `/gallery/<page>?lang=&theme=` and the assets; null for anything else. */
export async function serveGallery(request: Request): Promise<Response | null> {
  const url = new URL(request.url);
  const asset = serveAsset(url.pathname, request.headers.get("accept-encoding"));
  if (asset) return asset;
  const [, place, name = "parts"] = url.pathname.split("/");
  if (place !== "gallery" || !Object.hasOwn(galleryPages, name)) return null;
  const asked = url.searchParams.get("lang");
  const lang =
    languages.find((language) => language === asked) ?? languageOf(request.headers.get("accept-language"));
  const theme = url.searchParams.get("theme");
  const html = await galleryPages[name as keyof typeof galleryPages]({
    lang,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    stream: url.searchParams.get("stream"),
  });
  return new Response(html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": galleryPolicy,
    },
  });
}

/** The strict policy that the product has, too: what breaks under it breaks here first. */
export const galleryPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
