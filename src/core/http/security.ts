/** What every answer says to the browser about trust, and which requests of foreign sites are refused. */
import { AppError } from "../errors.ts";

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** Adds the security headers, and forbids storing what isn't marked as storable. */
export function secure(response: Response, tls: boolean): Response {
  const { headers } = response;
  headers.set("content-security-policy", contentSecurityPolicy);
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  if (tls) headers.set("strict-transport-security", "max-age=31536000");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return response;
}

/**
 * Refuses what a page of another site makes a browser send. Programs send neither header and pass: they
 * carry no cookie by accident.
 * @throws AppError forbidden
 */
export function refuseForeignSites(request: Request): void {
  const site = request.headers.get("sec-fetch-site");
  // The browser's own word counts more than the host's name, which a proxy may change.
  if (site === "same-origin" || site === "none") return;
  if (site !== null) throw new AppError("forbidden", "http.foreignSite");
  const origin = request.headers.get("origin");
  if (origin === null) return;
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!URL.canParse(origin) || new URL(origin).host !== host)
    throw new AppError("forbidden", "http.foreignSite");
}

/** The address on this site that `next` names, or `/`: never another site, never a script. */
export function localPath(next: string | null | undefined): string {
  if (!next || !/^\/(?![/\\])/.test(next) || next.includes("\\")) return "/";
  // A browser drops tabs and line breaks from addresses, and only then looks where they lead.
  for (const character of next) if (character.charCodeAt(0) < 0x21) return "/";
  const url = new URL(next, "http://localhost");
  return url.origin === "http://localhost" ? url.pathname + url.search : "/";
}
