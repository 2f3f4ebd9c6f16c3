/** Reading what a request carries: never more than a limit, never longer than a deadline, never too deep. */
import { AppError } from "../errors.ts";
import type { Strings } from "./validate.ts";

/** JSON bodies and forms. Files have their own way and don't come through here. */
export const bodyLimitBytes = 1024 * 1024;
const jsonDepthLimit = 32;
const formFieldLimit = 1000;

/** The JSON value of a request's body. @throws AppError wrongType, tooLarge, malformed */
export async function readJson(request: Request, deadlineMs: number): Promise<unknown> {
  if (mediaType(request) !== "application/json") throw new AppError("wrongType", "http.wantsJson");
  const text = await readText(request, deadlineMs);
  if (depthOf(text) > jsonDepthLimit)
    throw new AppError("malformed", "http.jsonTooDeep", { max: jsonDepthLimit });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AppError("malformed", "http.badJson", {}, { cause });
  }
}

/** The fields of a posted form. @throws AppError wrongType, tooLarge, malformed */
export async function readForm(request: Request, deadlineMs: number): Promise<Strings> {
  const type = mediaType(request);
  if (type === null && (request.headers.get("content-length") ?? "0") === "0") return new Map();
  if (type === "application/x-www-form-urlencoded")
    return grouped(new URLSearchParams(await readText(request, deadlineMs)));
  if (type === "multipart/form-data") {
    const bytes = await readBytes(request, deadlineMs);
    const header = request.headers.get("content-type") ?? "";
    return grouped(await multipart(bytes, header));
  }
  throw new AppError("wrongType", "http.wantsForm");
}

async function multipart(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<Iterable<[string, string]>> {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw new AppError("malformed", "http.badForm", {}, { cause });
  }
  const pairs: [string, string][] = [];
  for (const [name, value] of form.entries()) {
    if (typeof value !== "string") throw new AppError("malformed", "http.noFiles");
    pairs.push([name, value]);
  }
  return pairs;
}

/** Pairs as lists by name. @throws AppError malformed when there are absurdly many */
export function grouped(pairs: Iterable<[string, string]>): Strings {
  const map = new Map<string, string[]>();
  let count = 0;
  for (const [name, value] of pairs) {
    if (++count > formFieldLimit) throw new AppError("malformed", "http.manyFields", { max: formFieldLimit });
    const list = map.get(name);
    if (list) list.push(value);
    else map.set(name, [value]);
  }
  return map;
}

const mediaType = (request: Request): string | null =>
  request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? null;

async function readText(request: Request, deadlineMs: number): Promise<string> {
  const bytes = await readBytes(request, deadlineMs);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError("malformed", "http.notUtf8", {}, { cause });
  }
}

async function readBytes(request: Request, deadlineMs: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = new AppError("tooLarge", "http.tooLarge", { maxMiB: bodyLimitBytes / 1024 / 1024 });
  if (Number(request.headers.get("content-length") ?? 0) > bodyLimitBytes) throw tooLarge;
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel();
  }, deadlineMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > bodyLimitBytes) {
        void reader.cancel();
        throw tooLarge;
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("malformed", "http.bodyBroken", {}, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (late) throw new AppError("malformed", "http.bodySlow");
  return new Uint8Array(Buffer.concat(chunks));
}

/** How deep brackets nest, strings left out. Counted before parsing, which recurses. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}
