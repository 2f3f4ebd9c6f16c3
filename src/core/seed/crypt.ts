/**
 * SHA-512 crypt ($6$), the form in which Linux keeps passwords: what a seed image carries instead of the
 * password itself. The scheme is Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512".
 */
import { createHash, randomBytes } from "node:crypto";

const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const saltCharacters = 16;
const rounds = 5000;
const hashBytes = 64;

function sha512(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `source` over and over until it is `length` bytes long. */
function stretched(source: Uint8Array, length: number): Buffer {
  return Buffer.alloc(length, source);
}

function randomSalt(): string {
  return [...randomBytes(saltCharacters)].map((byte) => alphabet[byte % alphabet.length]).join("");
}

/** `$6$salt$hash` of a password. `salt` (at most 16 characters of `./0-9A-Za-z`) is random unless given. */
export function sha512Crypt(password: string, salt: string = randomSalt()): string {
  if (!/^[./0-9A-Za-z]{1,16}$/.test(salt))
    throw new RangeError("a salt has 1 to 16 characters of ./0-9A-Za-z");
  const key = Buffer.from(password, "utf8");
  const saltBytes = Buffer.from(salt, "latin1");
  const alternate = sha512(key, saltBytes, key);
  const parts: Uint8Array[] = [key, saltBytes, stretched(alternate, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : key);
  let sum = sha512(...parts);
  const keyRun = stretched(sha512(...Array.from({ length: key.length }, () => key)), key.length);
  const saltTimes = 16 + (sum[0] ?? 0);
  const saltRun = stretched(sha512(...Array.from({ length: saltTimes }, () => saltBytes)), saltBytes.length);
  for (let round = 0; round < rounds; round++) {
    const turn: Uint8Array[] = [round & 1 ? keyRun : sum];
    if (round % 3) turn.push(saltRun);
    if (round % 7) turn.push(keyRun);
    turn.push(round & 1 ? sum : keyRun);
    sum = sha512(...turn);
  }
  return `$6$${salt}$${encoded(sum)}`;
}

/** The scheme's own base 64: three bytes at a time, taken from thirds of the sum that turn with each group. */
function encoded(sum: Buffer): string {
  const at = (index: number): number => sum[index] ?? 0;
  let text = "";
  const put = (value: number, characters: number): void => {
    for (let left = characters, rest = value; left > 0; left--, rest >>= 6) text += alphabet[rest & 63];
  };
  const third = (hashBytes - 1) / 3;
  for (let group = 0; group < third; group++) {
    const indexes = [group, group + third, group + 2 * third];
    const turn = group % 3;
    const [high = 0, middle = 0, low = 0] = [...indexes.slice(turn), ...indexes.slice(0, turn)];
    put((at(high) << 16) | (at(middle) << 8) | at(low), 4);
  }
  put(at(hashBytes - 1), 2);
  return text;
}
