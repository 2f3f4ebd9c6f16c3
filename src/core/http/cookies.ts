/** Reading and writing cookies: just what a session, a language and a theme need. */

/** The cookies of a request. The first of two with one name counts, as browsers send the more specific first. */
export function readCookies(request: Request): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim();
    cookies[name] ??= part.slice(equals + 1).trim();
  }
  return cookies;
}

export interface CookieOptions {
  /** Only over TLS. */
  secure: boolean;
  /** Seconds until the browser forgets it; 0 deletes it. */
  maxAgeSeconds: number;
  /** Scripts can't read it. */
  httpOnly: boolean;
}

/** A Set-Cookie line. Values are tokens of ours (letters, digits, `-`, `_`, `.`), never foreign text. */
export function writeCookie(name: string, value: string, options: CookieOptions): string {
  if (!/^[\w.-]*$/.test(value)) throw new Error(`the value of cookie "${name}" is not a plain token`);
  const parts = [`${name}=${value}`, "Path=/", "SameSite=Lax", `Max-Age=${options.maxAgeSeconds}`];
  if (options.httpOnly) parts.push("HttpOnly");
  if (options.secure) parts.push("Secure");
  return parts.join("; ");
}
