/** Serves the gallery for looking at: `bun scripts/gallery.ts [port]`, then /gallery, /gallery/guests?lang=zh-CN&theme=dark … */
import { assetsAreStale, buildAssets } from "./assets.ts";

if (assetsAreStale()) await buildAssets();
const { galleryPages, serveGallery } = await import("../src/ui/gallery/index.tsx");

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 8090),
  fetch: async (request) => (await serveGallery(request)) ?? new Response("no such page", { status: 404 }),
});
for (const name of Object.keys(galleryPages)) process.stdout.write(`${server.url.href}gallery/${name}\n`);
