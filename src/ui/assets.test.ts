import { expect, test } from "bun:test";
import { assetUrl, serveAsset, sprite } from "./assets.ts";
import { icons } from "./icons.ts";

const gzipBytes = (name: string): Promise<number> =>
  Bun.file(new URL(`./assets/${name}.gz`, import.meta.url))
    .bytes()
    .then((bytes) => bytes.length);

test("the style sheet stays below 14 KB, our scripts below 8 KB, all of a first load below 40 KB (gzip)", async () => {
  expect(await gzipBytes("app.css")).toBeLessThan(14 * 1024);
  expect(await gzipBytes("own.js")).toBeLessThan(8 * 1024);
  expect((await gzipBytes("app.css")) + (await gzipBytes("app.js"))).toBeLessThan(30 * 1024);
});

test("an asset is served for ever at an address with its hash, in the encoding that is accepted", async () => {
  const url = assetUrl("app.css");
  expect(url).toMatch(/^\/assets\/app\.[0-9a-f]{12}\.css$/);
  const plain = serveAsset(url, null);
  expect(plain?.headers.get("cache-control")).toContain("immutable");
  const text = await plain?.text();
  expect(text).toContain("--ink");
  const brotli = serveAsset(url, "gzip, deflate, br");
  expect(brotli?.headers.get("content-encoding")).toBe("br");
  const gzip = serveAsset(url, "gzip");
  expect(new TextDecoder().decode(Bun.gunzipSync((await gzip?.bytes()) ?? new Uint8Array()))).toBe(
    text ?? "",
  );
  expect(serveAsset("/assets/app.000000000000.css", "gzip")).toBeNull();
  expect(serveAsset("/assets/../../etc/passwd", "gzip")).toBeNull();
});

test("the sprite has each icon once", () => {
  for (const name of Object.keys(icons)) expect(sprite.split(`id="i-${name}"`)).toHaveLength(2);
});
