/**
 * The style sheet, the scripts and the sprite, inside the executable. `scripts/assets.ts` builds them
 * into `assets/`; each is there twice, compressed by brotli and by gzip. Addresses carry a hash of the
 * content, so browsers may keep them for ever.
 */
import { readFileSync } from "node:fs";
import cssBr from "./assets/app.css.br" with { type: "file" };
import cssGz from "./assets/app.css.gz" with { type: "file" };
import scriptBr from "./assets/app.js.br" with { type: "file" };
import scriptGz from "./assets/app.js.gz" with { type: "file" };
import consoleBr from "./assets/console.js.br" with { type: "file" };
import consoleGz from "./assets/console.js.gz" with { type: "file" };
import iconBr from "./assets/icon.svg.br" with { type: "file" };
import iconGz from "./assets/icon.svg.gz" with { type: "file" };
import spriteText from "./assets/sprite.txt" with { type: "text" };

export type AssetName = "app.css" | "app.js" | "console.js" | "icon.svg";

interface Asset {
  br: string;
  gz: string;
  type: string;
}

const script = "text/javascript; charset=utf-8";
const files: Record<AssetName, Asset> = {
  "app.css": { br: cssBr, gz: cssGz, type: "text/css; charset=utf-8" },
  "app.js": { br: scriptBr, gz: scriptGz, type: script },
  "console.js": { br: consoleBr, gz: consoleGz, type: script },
  "icon.svg": { br: iconBr, gz: iconGz, type: "image/svg+xml" },
};

/** The page's icons and marks, inline SVG. */
export const sprite: string = spriteText;

const urls = new Map<AssetName, string>();
const byUrl = new Map<string, Asset>();
for (const [name, asset] of Object.entries(files) as [AssetName, Asset][]) {
  const hash = new Bun.CryptoHasher("sha256").update(readFileSync(asset.gz)).digest("hex").slice(0, 12);
  const dot = name.lastIndexOf(".");
  const url = `/assets/${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
  urls.set(name, url);
  byUrl.set(url, asset);
}

/** The address of an asset, with the hash of its content. */
export function assetUrl(name: AssetName): string {
  const url = urls.get(name);
  if (url === undefined) throw new Error(`no asset is called ${name}`);
  return url;
}

/** The asset at a path, in the best encoding that the client accepts; null where there is none. */
export function serveAsset(path: string, acceptEncoding: string | null): Response | null {
  const asset = byUrl.get(path);
  if (!asset) return null;
  const headers = new Headers({
    "content-type": asset.type,
    "cache-control": "public, max-age=31536000, immutable",
    vary: "accept-encoding",
    "x-content-type-options": "nosniff",
  });
  const accepted = acceptEncoding ?? "";
  if (/\bbr\b/.test(accepted)) {
    headers.set("content-encoding", "br");
    return new Response(Bun.file(asset.br), { headers });
  }
  if (/\bgzip\b/.test(accepted)) {
    headers.set("content-encoding", "gzip");
    return new Response(Bun.file(asset.gz), { headers });
  }
  return new Response(Bun.gunzipSync(readFileSync(asset.gz)), { headers });
}
