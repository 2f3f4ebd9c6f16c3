/**
 * Hashing passwords, with an end to every wait. argon2id comes from Bun; where the kernel has no entropy
 * yet (a fresh CentOS 7 guest) it never answers, and scrypt with salt from /dev/urandom takes its place.
 */
import { scrypt, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors.ts";
import { timing } from "../timing.ts";

/** OWASP's smallest advised memory, 19 MiB and two passes: several sign-ins at once stay affordable. */
const argon2 = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const scryptCost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const scryptLength = 32;

const atOnce = 2;
const waitingAtMost = 20;
let running = 0;
const waiting: (() => void)[] = [];

/** A hash that no password matches, checked for unknown names so that they take as long as known ones. */
const nobody =
  "$argon2id$v=19$m=19456,t=2,p=1$VR/pmNKJ9VVUAGJy+nOiT4kKnmbtDYu9WlISXM4Erw4$sNTF6L/Ww20CUK0195uv3Xr9OdQIgKZKHrOA4jzwIME";

/** The string to store. @throws AppError unavailable when too many hashes are being made */
export async function hashPassword(password: string): Promise<string> {
  return inTurn(async () => {
    const hash = await withDeadline(Bun.password.hash(password, argon2));
    return hash ?? (await scryptHash(password));
  });
}

/**
 * Whether the password is that of `hash`; null stands for an unknown person and takes just as long.
 * @throws AppError unavailable when too many are being checked, or the check does not come back
 */
export async function passwordMatches(password: string, hash: string | null): Promise<boolean> {
  return inTurn(async () => {
    if (hash?.startsWith("scrypt$")) return scryptMatches(password, hash);
    const matches = await withDeadline(Bun.password.verify(password, hash ?? nobody));
    if (matches === null) throw new AppError("unavailable", "access.noEntropy", { seconds: 30 });
    return matches && hash !== null;
  });
}

/** Null when time ran out. */
async function withDeadline<T>(work: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timing.passwordHashMilliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs few at once: each takes memory and a core. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= atOnce) {
    if (waiting.length >= waitingAtMost) throw new AppError("unavailable", "access.busy", { seconds: 5 });
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    // The place is handed over, so that nobody slips in between.
    if (next) next();
    else running--;
  }
}

async function scryptHash(password: string): Promise<string> {
  const salt = Buffer.from(await Bun.file("/dev/urandom").slice(0, 16).arrayBuffer());
  const key = await scryptKey(password, salt);
  return `scrypt$${salt.toString("base64url")}$${key.toString("base64url")}`;
}

async function scryptMatches(password: string, hash: string): Promise<boolean> {
  const [, salt = "", key = ""] = hash.split("$");
  const made = await scryptKey(password, Buffer.from(salt, "base64url"));
  const stored = Buffer.from(key, "base64url");
  return stored.length === made.length && timingSafeEqual(stored, made);
}

function scryptKey(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(password, salt, scryptLength, scryptCost, (error, key) => (error ? reject(error) : resolve(key))),
  );
}

export { scryptHash };
