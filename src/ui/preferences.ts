/** Choices that a browser keeps in cookies: theme and language. Neither is a secret. */
import { type Language, languageOf, languages } from "../core/words.ts";

export type Theme = "auto" | "light" | "dark";

export const themeCookie = "jimv-theme";
export const languageCookie = "jimv-language";

/** The theme that a request's cookie chose; `auto` follows the system. */
export function themeOfRequest(request: Request): Theme {
  const value = cookie(request, themeCookie);
  return value === "light" || value === "dark" ? value : "auto";
}

/** The language that a request's cookie chose, else what its browser asks for. */
export function languageOfRequest(request: Request): Language {
  const value = cookie(request, languageCookie);
  return (
    languages.find((language) => language === value) ?? languageOf(request.headers.get("accept-language"))
  );
}

function cookie(request: Request, name: string): string | null {
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = part.trim().split("=");
    if (key === name) return value ?? null;
  }
  return null;
}
