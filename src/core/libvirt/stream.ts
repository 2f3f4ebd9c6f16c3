/** The stream object: what libvirt hands out in pieces. Runs in call workers. */

import { type Context, numberOf, pointerOf, takeString, using } from "./call.ts";
import { withDomain } from "./domain.ts";
import { HypervisorError } from "./hypervisor.ts";

const chunkBytes = 256 * 1024;
/** A screen of 4096 × 2160 in uncompressed PPM is 27 MB; more than this is no picture. */
const screenshotLimitBytes = 64 * 1024 * 1024;

/** A picture of the guest's first screen. */
export function screenshot(context: Context, uuid: string): { mime: string; data: Uint8Array } {
  const { lib, conn } = context;
  return withDomain(context, uuid, (domain) => {
    const stream = pointerOf(context, "open a stream", lib.virStreamNew(conn, 0));
    return using(stream, lib.virStreamFree, () => {
      const mime = takeString(
        lib,
        pointerOf(context, "take a picture of the screen", lib.virDomainScreenshot(domain, stream, 0, 0)),
      );
      try {
        const chunks: Uint8Array[] = [];
        const chunk = Buffer.alloc(chunkBytes);
        let total = 0;
        for (;;) {
          const got = numberOf(context, "receive the picture", lib.virStreamRecv(stream, chunk, chunkBytes));
          if (got === 0) break;
          total += got;
          if (total > screenshotLimitBytes) {
            throw new HypervisorError("internal", "The picture of the screen is larger than any screen.");
          }
          chunks.push(Uint8Array.from(chunk.subarray(0, got)));
        }
        numberOf(context, "receive the picture", lib.virStreamFinish(stream));
        return { mime, data: new Uint8Array(Buffer.concat(chunks)) };
      } catch (error) {
        if (lib.virStreamAbort(stream) < 0) lib.virResetLastError();
        throw error;
      }
    });
  });
}
