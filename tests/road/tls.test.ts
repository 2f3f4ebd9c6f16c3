/** The road over TLS: only with a certificate that the given authority signed for this name. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "../../src/core/clock.ts";
import { openRedisControllerRoad } from "../../src/core/road/redis-controller.ts";
import type { RedisAddress } from "../../src/core/road/redis-link.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { log, until } from "./ends.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-road-tls-"));
const made = (name: string): { certificate: string; key: string } => {
  const paths = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const done = Bun.spawnSync(
    [
      ...[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", paths.key],
      ...["-out", paths.certificate],
    ],
    { stderr: "pipe" },
  );
  if (done.exitCode !== 0) throw new Error(done.stderr.toString());
  return paths;
};

let redis: TestRedis;
const mine = made("mine");
beforeAll(async () => {
  redis = await startRedis({ tls: mine });
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (address: RedisAddress) =>
  openRedisControllerRoad({
    address,
    clusterId: "c1",
    holder: "one",
    clock: realClock,
    log,
    nodes: async () => [],
  });

test("connects when the authority is the right one", async () => {
  const road = await open({ url: redis.url, tls: { ca: readFileSync(mine.certificate, "utf8") } });
  try {
    await until("connected", () => road.status().connected);
  } finally {
    await road.close();
  }
});

for (const [what, tls] of [
  ["another authority's certificate", { ca: readFileSync(made("other").certificate, "utf8") }],
  ["a certificate that nobody vouches for", {}],
  ["a certificate for another name", { ca: readFileSync(mine.certificate, "utf8"), servername: "elsewhere" }],
] as const)
  test(`refuses ${what}`, async () => {
    const road = await open({ url: redis.url, tls });
    try {
      expect(road.status()).toMatchObject({ connected: false });
      expect(road.status().reason).toMatch(/certificate|altname|self.signed/i);
    } finally {
      await road.close();
    }
  });
