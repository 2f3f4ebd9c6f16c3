/**
 * The one-time code of the first start: printed where only the machine's administrator reads it, so that
 * nobody else becomes administrator first.
 */
import { timingSafeEqual } from "node:crypto";
import { randomPassword } from "../core/vault.ts";
import type { SetupCode } from "../plugins/program.ts";

const codeLength = 10;
const triesPerCode = 10;

/** Makes a code and hands it to `print`; again when it was tried wrongly too often. */
export function makeSetupCode(print: (code: string) => void): SetupCode {
  let code = randomPassword(codeLength);
  let tries = 0;
  print(code);
  return {
    check(given) {
      const one = Buffer.from(given.trim().padEnd(codeLength).slice(0, codeLength));
      const right = Buffer.from(code);
      if (given.trim().length === codeLength && one.length === right.length && timingSafeEqual(one, right))
        return true;
      tries++;
      if (tries >= triesPerCode) {
        tries = 0;
        code = randomPassword(codeLength);
        print(code);
      }
      return false;
    },
  };
}
