/** Random secrets that a client holds and we know only by their hash, and the CSRF token made from one. */
import { createHash, timingSafeEqual } from "node:crypto";

const tokenPrefix = "jimv_";

/** 256 random bits in base64url. */
export function randomSecret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
}

/** A new API token. The prefix lets secret scanners find one that leaked. */
export const newApiToken = (): string => tokenPrefix + randomSecret();

/** Whether a text has the form of an API token. */
export const isApiToken = (text: string): boolean => text.startsWith(tokenPrefix) && text.length === 48;

/** Whether a text has the form of a session's secret. */
export const isSessionSecret = (text: string): boolean => /^[\w-]{43}$/.test(text);

/** What is stored of a secret, in hex. A plain hash suffices: 256 random bits can't be guessed. */
export const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

const csrfKey = (session: string): Buffer => createHash("sha256").update(`csrf:${session}`).digest();

/**
 * The session's CSRF token, each time masked anew: a page that is compressed would otherwise tell it, byte by
 * byte, to somebody who sees only lengths (the attack called BREACH).
 */
export function csrfToken(session: string): string {
  const pad = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
  return Buffer.concat([pad, xor(csrfKey(session), pad)]).toString("base64url");
}

/** Whether `token` is one of the session's. */
export function csrfMatches(session: string, token: string | null): boolean {
  const bytes = Buffer.from(token ?? "", "base64url");
  if (bytes.length !== 64) return false;
  return timingSafeEqual(xor(bytes.subarray(0, 32), bytes.subarray(32)), csrfKey(session));
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, at) => byte ^ (right[at] ?? 0)));
}
