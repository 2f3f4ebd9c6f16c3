/** Choices that a browser keeps in cookies: theme and language. The client writes them, the server reads them. */

export type Theme = "auto" | "light" | "dark";

export const themeCookie = "jimv-theme";
export const languageCookie = "jimv-language";
