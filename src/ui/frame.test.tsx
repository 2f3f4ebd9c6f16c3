import { expect, test } from "bun:test";
import { html } from "./live.ts";
import { Frame, type FrameNavEntry } from "./parts/frame.tsx";

const nav: FrameNavEntry[] = [
  { href: "/", icon: "guest", label: "Home", group: "top" },
  { href: "/pools", also: ["/ports"], icon: "network", label: "Pools", group: "infrastructure" },
  { href: "/pools/old", icon: "network", label: "Old", group: "infrastructure" },
];

/** What the navigation marks as the place of a page. */
async function markedAt(path: string): Promise<string[]> {
  const markup = await html(
    <Frame
      lang="en"
      theme="light"
      title="Page"
      csrf={null}
      stream={null}
      nav={nav}
      path={path}
      crumbs={[]}
      user={{ name: "ann", role: "reader" }}
      version="1"
    />,
  );
  const found = [...markup.matchAll(/<a href="([^"]*)" aria-current="page"[^>]*data-nav-entry/g)];
  return [...new Set(found.map(([, href]) => href ?? ""))];
}

test("a page is marked by the entry with the longest address, and one without an own entry where it belongs", async () => {
  expect(await markedAt("/")).toEqual(["/"]);
  expect(await markedAt("/pools/1")).toEqual(["/pools"]);
  expect(await markedAt("/pools/old/1")).toEqual(["/pools/old"]);
  expect(await markedAt("/ports/kvm-1")).toEqual(["/pools"]);
  expect(await markedAt("/portside")).toEqual([]);
});
