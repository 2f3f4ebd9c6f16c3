/** Before tests: builds the browser's assets when they are missing or older than their sources. */
import { assetsAreStale, buildAssets } from "./assets.ts";

if (assetsAreStale()) await buildAssets();
