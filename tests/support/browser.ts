/** Headless Chromium for the end-to-end tests: pages that remember what went wrong in them, and signing in. */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { App } from "./app.ts";

export interface View {
  language?: "en" | "zh-CN";
  theme?: "light" | "dark";
  width?: number;
  height?: number;
}

export class TestBrowser {
  /** What pages complained of: script errors, and what the content security policy refused. */
  readonly complaints: string[] = [];
  private readonly contexts: BrowserContext[] = [];

  private constructor(private readonly browser: Browser) {}

  static async open(): Promise<TestBrowser> {
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"],
    });
    return new TestBrowser(browser);
  }

  /** A new visitor's page: no cookies but those of language and theme. */
  async page(app: App, view: View = {}): Promise<Page> {
    const { language = "en", theme = "light", width = 1440, height = 900 } = view;
    const context = await this.browser.newContext({ viewport: { width, height }, locale: language });
    this.contexts.push(context);
    await context.addCookies([
      { name: "jimv-language", value: language, url: app.url },
      { name: "jimv-theme", value: theme, url: app.url },
    ]);
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Uncaught/.test(message.text())) this.complaints.push(message.text());
    });
    return page;
  }

  /** A page whose visitor has signed in as the administrator. */
  async signedIn(app: App, view: View = {}): Promise<Page> {
    const page = await this.page(app, view);
    await page.goto(`${app.url}/sign-in`);
    await signIn(page, app.adminName, app.adminPassword);
    await page.waitForURL((url) => url.pathname !== "/sign-in");
    return page;
  }

  async close(): Promise<void> {
    for (const context of this.contexts) await context.close();
    await this.browser.close();
  }
}

/** Fills the sign-in form and sends it. */
export async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.fill('input[name="name"]', name);
  await page.fill('input[name="password"]', password);
  await page.press('input[name="password"]', "Enter");
}

/** Waits until the page's live stream is open: before that a change reaches it only by replay. */
export async function liveStreamOpen(page: Page): Promise<void> {
  await page.waitForSelector('[data-lamp="live"]');
}

/**
 * Watches an element in the page from now on; the promise gives the page's time (ms since 1970) at which its text
 * first held `text`. Set up before whatever makes it change.
 */
export async function watchText(page: Page, selector: string, text: string): Promise<() => Promise<number>> {
  const key = `watch${Math.random().toString(36).slice(2)}`;
  await page.evaluate(
    ([selector, text, key]) => {
      const found = (): boolean => document.querySelector(selector)?.textContent?.includes(text) ?? false;
      (window as unknown as Record<string, Promise<number>>)[key] = new Promise((resolve) => {
        if (found()) return resolve(performance.timeOrigin + performance.now());
        const observer = new MutationObserver(() => {
          if (!found()) return;
          observer.disconnect();
          resolve(performance.timeOrigin + performance.now());
        });
        observer.observe(document.body, {
          subtree: true,
          childList: true,
          characterData: true,
          attributes: true,
        });
      });
    },
    [selector, text, key] as const,
  );
  return () =>
    page.evaluate(
      (key) => (window as unknown as Record<string, Promise<number>>)[key],
      key,
    ) as Promise<number>;
}
