/** Signing in and out and handling tokens, as pages and the set-up use it: `Access` with cookies around it. */
import type { Access, ApiToken, OpenedSession, Person } from "../auth/access.ts";
import { csrfToken } from "../auth/secrets.ts";
import { type ServiceKey, serviceKey } from "../plugin.ts";
import { timing } from "../timing.ts";
import type { Language } from "../words.ts";
import type { Role, Viewer } from "./contract.ts";
import { readCookies, writeCookie } from "./cookies.ts";
import { isSignedIn, languageCookie, sessionCookie } from "./visitor.ts";

export interface SignedIn {
  person: Person;
  csrfToken: string;
  /** UTC milliseconds. */
  expiresAt: number;
  /** To be sent with the answer: they set the cookie. */
  headers: Record<string, string>;
}

/** Where a sign-in comes from: page calls and API calls both fit. */
export interface Door {
  request: Request;
  address: string;
}

export interface AccessService {
  isSignedIn(viewer: Viewer): boolean;
  /** @throws AppError unauthenticated, tooMany (with seconds), unavailable */
  signIn(door: Door, name: string, password: string): Promise<SignedIn>;
  /** Signs in whom the program itself vouches for: the first administrator at the end of the set-up. */
  enter(door: Door, person: Person): Promise<SignedIn>;
  /** Ends the request's session. Returns the headers that make the browser forget the cookie. */
  signOut(request: Request): Promise<Record<string, string>>;
  hasPeople(): Promise<boolean>;
  /** @throws AppError conflict at `name` */
  createPerson(input: {
    name: string;
    password: string;
    role: Role;
    language: Language | null;
  }): Promise<Person>;
  tokens(): Promise<ApiToken[]>;
  /** The secret is returned once. @throws AppError conflict at `name`, invalid at `expiresAt` */
  createToken(input: {
    name: string;
    role: Role;
    createdBy: string;
    expiresAt: number | null;
  }): Promise<{ token: ApiToken; secret: string }>;
  /** @throws AppError notFound */
  revokeToken(id: string): Promise<void>;
  /** The header that makes the browser remember a language. */
  rememberLanguage(language: Language): Record<string, string>;
}

/** By this key plugins ask for it. */
export const accessService: ServiceKey<AccessService> = serviceKey("access");

const yearSeconds = 365 * 24 * 3600;

/**
 * @param isTls whether cookies may only travel over TLS
 * @param onEnd called with the id of a session or token that was ended, so that its streams end, too
 */
export function makeAccessService(
  access: Access,
  isTls: () => boolean,
  onEnd: (id: string) => void,
): AccessService {
  const cookie = (value: string, maxAgeSeconds: number): Record<string, string> => ({
    "set-cookie": writeCookie(sessionCookie, value, { secure: isTls(), maxAgeSeconds, httpOnly: true }),
  });
  const end = async (request: Request): Promise<void> => {
    const secret = readCookies(request)[sessionCookie];
    const session = secret ? await access.session(secret, false) : null;
    if (!session) return;
    await access.endSession(session.id);
    onEnd(session.id);
  };
  const signedIn = async (door: Door, session: OpenedSession): Promise<SignedIn> => {
    // A browser has one session; the one before would otherwise live on unseen.
    await end(door.request);
    const { person, expiresAt, secret } = session;
    const headers = cookie(secret, Math.ceil(timing.sessionLifeMilliseconds / 1000));
    return { person, expiresAt, csrfToken: csrfToken(secret), headers };
  };
  return {
    isSignedIn,
    signIn: async (door, name, password) => signedIn(door, await access.signIn(name, password, door.address)),
    enter: async (door, person) => signedIn(door, await access.openSession(person, door.address)),
    async signOut(request) {
      await end(request);
      return cookie("", 0);
    },
    hasPeople: () => access.hasPeople(),
    createPerson: (input) => access.createPerson(input),
    tokens: () => access.tokens(),
    createToken: (input) => access.createToken(input),
    async revokeToken(id) {
      await access.revokeToken(id);
      onEnd(id);
    },
    rememberLanguage: (language) => ({
      "set-cookie": writeCookie(languageCookie, language, {
        secure: isTls(),
        maxAgeSeconds: yearSeconds,
        httpOnly: false,
      }),
    }),
  };
}
