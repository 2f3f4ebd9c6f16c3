/** Headless Chromium, signed in to the program. */
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import type { Product } from "./product.ts";

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** A context of its own: nothing cached, signed in as the bench's administrator. */
export async function signedIn(browser: Browser, product: Product): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: product.url, locale: "en" });
  const answer = await context.request.post("/api/v1/sessions", { data: product.person });
  if (!answer.ok()) throw new Error(`signing in answered ${answer.status()}: ${await answer.text()}`);
  return context;
}
