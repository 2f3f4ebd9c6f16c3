/** libvirt's typed parameters on the way in: a list that libvirt itself builds and frees. */

import type { Pointer } from "bun:ffi";
import { type Context, cString, failure, numberOf, out, outPointer } from "./call.ts";

/** `int` and `long` (unsigned long long) are told apart by who reads them: a wrong one is refused. */
export type Parameter = { string: string } | { int: number } | { long: number };

/** Runs `body` with a list of parameters. The same name may come several times. */
export function withParameters<T>(
  context: Context,
  parameters: readonly (readonly [name: string, value: Parameter])[],
  body: (list: Pointer | null, count: number) => T,
): T {
  const { lib } = context;
  const list = out(8);
  const count = out(4);
  const room = out(4);
  try {
    for (const [name, value] of parameters) {
      const nameText = cString(name);
      if ("string" in value) {
        const text = cString(value.string);
        check(lib.virTypedParamsAddString(list, count, room, nameText, text));
      } else if ("int" in value) check(lib.virTypedParamsAddInt(list, count, room, nameText, value.int));
      else check(lib.virTypedParamsAddULLong(list, count, room, nameText, value.long));
    }
    return body(pointerIn(list), count.readInt32LE(0));
  } finally {
    lib.virTypedParamsFree(pointerIn(list), count.readInt32LE(0));
  }

  function check(result: number): void {
    numberOf(context, "make a list of parameters", result);
  }
}

const pointerIn = (buffer: Buffer): Pointer | null =>
  buffer.readBigUInt64LE(0) === 0n ? null : outPointer(buffer);

/** Runs a call that may be refused because there is nothing it could be about; null then. */
export function unlessNothing<T>(context: Context, what: string, result: number, then: () => T): T | null {
  if (result >= 0) return then();
  const error = failure(context.lib, what, context.conn);
  if (error.code === "wrongState" || error.code === "notFound") return null;
  throw error;
}
