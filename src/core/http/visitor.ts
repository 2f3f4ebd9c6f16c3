/** Who is behind a request: a session's cookie, an API token, or nobody known. */
import type { Access, Person } from "../auth/access.ts";
import { csrfMatches, csrfToken } from "../auth/secrets.ts";
import { AppError } from "../errors.ts";
import { type Language, languageOf, languages, type WordBook } from "../words.ts";
import { type Actor, type Role, roles, type Viewer } from "./contract.ts";
import { readCookies } from "./cookies.ts";

export const sessionCookie = "jimv_session";
export const languageCookie = "jimv-language";
export const themeCookie = "jimv-theme";

/** The actor of requests without a sign-in. */
export const nobody: Actor = { kind: "system", name: "nobody" };

/** False for who has not signed in. Their viewer's role must not be trusted. */
export const isSignedIn = (viewer: Viewer): boolean => viewer.actor !== nobody;

export interface Visitor {
  viewer: Viewer;
  /** What let them in. */
  by:
    | { kind: "session"; id: string; secret: string; person: Person; expiresAt: number }
    | { kind: "token"; id: string }
    | { kind: "nothing" };
}

export class Visitors {
  constructor(
    private readonly access: Access,
    private readonly words: WordBook,
  ) {}

  /** For `/api` the language is the client's wish, for pages the person's choice. */
  async of(request: Request, forApi: boolean): Promise<Visitor> {
    const cookies = readCookies(request);
    const authorization = request.headers.get("authorization");
    if (authorization !== null) return this.byToken(request, authorization);
    const secret = cookies[sessionCookie];
    // A stream that only listens is no sign of a person.
    const session = secret ? await this.access.session(secret, !isStream(request)) : null;
    if (!session || !secret) return { viewer: this.anonymous(request), by: { kind: "nothing" } };
    const { person, id, expiresAt } = session;
    const wish = request.headers.get("accept-language");
    const chosen = oneOf(languages, cookies[languageCookie]) ?? person.language;
    const language = forApi && wish !== null ? languageOf(wish) : (chosen ?? languageOf(wish));
    return {
      viewer: this.viewer(
        { kind: "user", name: person.name },
        person.role,
        language,
        cookies,
        csrfToken(secret),
      ),
      by: { kind: "session", id, secret, person, expiresAt },
    };
  }

  /** The viewer of requests without a sign-in, in the language of cookie or browser. */
  anonymous(request: Request): Viewer {
    const cookies = readCookies(request);
    const language =
      oneOf(languages, cookies[languageCookie]) ?? languageOf(request.headers.get("accept-language"));
    return this.viewer(nobody, "reader", language, cookies, null);
  }

  /** Whether what let the visitor in still does. */
  async stillIn({ by }: Visitor): Promise<boolean> {
    if (by.kind === "session") return (await this.access.sessionById(by.id, false)) !== null;
    return by.kind === "token" && (await this.access.tokenById(by.id)) !== null;
  }

  private async byToken(request: Request, authorization: string): Promise<Visitor> {
    const secret = /^bearer +(\S+)\s*$/i.exec(authorization)?.[1];
    const token = secret ? await this.access.token(secret) : null;
    if (!token) throw new AppError("unauthenticated", "http.badToken");
    const language = languageOf(request.headers.get("accept-language"));
    return {
      viewer: this.viewer({ kind: "token", name: token.name }, token.role, language, {}, null),
      by: { kind: "token", id: token.id },
    };
  }

  private viewer(
    actor: Actor,
    role: Role,
    language: Language,
    cookies: Record<string, string>,
    csrf: string | null,
  ): Viewer {
    const theme = oneOf(["light", "dark", "auto"] as const, cookies[themeCookie]) ?? "auto";
    return {
      actor,
      role,
      language,
      theme,
      csrf,
      say: (word, args) => this.words.say(language, word, args),
    };
  }
}

/** Whether a role includes what another may do. */
export const includes = (role: Role, needed: Role): boolean => roles.indexOf(role) >= roles.indexOf(needed);

/** @throws AppError unauthenticated, forbidden */
export function requireRole({ viewer }: Visitor, needed: Role | "anyone"): void {
  if (needed === "anyone") return;
  if (!isSignedIn(viewer)) throw new AppError("unauthenticated", "http.signIn");
  if (!includes(viewer.role, needed)) throw new AppError("forbidden", "http.needsRole", { role: needed });
}

/** @throws AppError forbidden when a session's request lacks the session's CSRF token */
export function requireCsrf({ by }: Visitor, token: string | null): void {
  if (by.kind === "session" && !csrfMatches(by.secret, token))
    throw new AppError("forbidden", "http.needsCsrf");
}

const isStream = (request: Request): boolean =>
  /^\/(?:api\/v1\/)?events$/.test(new URL(request.url).pathname);

function oneOf<const T extends string>(values: readonly T[], value: string | undefined): T | null {
  return values.find((each) => each === value) ?? null;
}
