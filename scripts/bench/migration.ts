/**
 * How well the time left of a live migration is told: real migrations between two machines of the lab, of guests that
 * write to their memory at different rates, followed by the same code as on a node.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PayloadOf } from "jimv";
import type { MigrationJob } from "../../src/core/libvirt/hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import type { Dirtied } from "../../src/plugins/migration/estimate.ts";
import type { migrateGuest } from "../../src/plugins/migration/tasks.ts";
import { LabNode } from "../../tests/lab/node.ts";
import { Room } from "../../tests/lab/room.ts";
import { Mover } from "../../tests/support/mover.ts";
import type { Bench, Section } from "./bench.ts";
import { aim, digits, median, table } from "./figures.ts";
import { run, say, until } from "./shell.ts";

export const migrationScale = { migrations: 36 };

const clusterId = "bench";
const memoryMiB = 512;
/** Sent at most so fast, so that a migration lasts long enough to look at it. */
const bandwidthMiBs = 16;
/** Guests: how much of their memory is in use, how much of that they write to, and how fast (MiB a second). */
const kinds = [
  { usedMiB: 160, setMiB: 1, rate: 0 },
  { usedMiB: 200, setMiB: 200, rate: 2 },
  { usedMiB: 200, setMiB: 200, rate: 6 },
  { usedMiB: 240, setMiB: 64, rate: 8 },
  { usedMiB: 240, setMiB: 240, rate: 9 },
  { usedMiB: 160, setMiB: 24, rate: 14 },
] as const;
type Kind = (typeof kinds)[number];

const shares = [0.3, 0.5, 0.8] as const;
/** The aim at the first of them. */
const aimPercent = 15;
const lookMilliseconds = 100;
const patienceMilliseconds = 600_000;
const pagesPerMiB = 256;
const ticksPerSecond = 100;
/** Where in the boot sector the guest's numbers are. */
const numbersAt = { used: 496, set: 500, perTick: 504, mark: 510 } as const;
const bootMark = 0xaa55;
const sectorBytes = 512;

/** Each migration's samples go into this folder, if there is one: estimators can be compared on them afterwards. */
const traceFolder = process.env.JIMV_BENCH_TRACES;

/** What was told and what was so, at one moment; seconds since the migration began. */
interface Look {
  at: number;
  /** As the page shows it; null where it says "not converging". */
  told: number | null;
  /** By the share of bytes that is over. */
  linear: number | null;
}

interface Run {
  kind: Kind;
  seconds: number;
  looks: Look[];
}

export async function migration(bench: Bench): Promise<Section> {
  const { migrations } = { ...migrationScale, ...bench.scale };
  const folder = join(bench.folder, "migration");
  mkdirSync(folder, { recursive: true });
  const program = await assemble(folder);
  const room = await Room.open();
  const runs: Run[] = [];
  try {
    const nodes = await Promise.all([1, 2].map((n) => LabNode.open(room, `node-${n}`, 10 + n)));
    const ground = await Promise.all(
      nodes.map(async (node) => {
        const hypervisor = await openHypervisor({ uri: node.uri, clusterId });
        // Its acceleration, which domains are made for.
        await hypervisor.host();
        return { node, hypervisor };
      }),
    );
    const [from, to] = ground;
    if (!from || !to) throw new Error("the lab has no two nodes");
    const mover = await Mover.start(from.hypervisor, clusterId, folder);
    try {
      for (let n = 0; n < migrations; n++) {
        const kind = kinds[n % kinds.length] ?? kinds[0];
        const made = await migrateOnce({ room, from, to, mover, program, kind, port: 27_000 + 2 * n });
        runs.push(made);
        say(`migration ${n + 1} of ${migrations}: ${kind.rate} MiB/s, ${digits(made.seconds)} s`);
      }
    } finally {
      mover.stop();
      await Promise.all(ground.map(({ hypervisor }) => hypervisor.close()));
    }
  } finally {
    await room.close();
  }
  return { title: "The time left of a migration", text: report(runs) };
}

/** The guest's program, without its numbers. */
async function assemble(folder: string): Promise<Uint8Array> {
  const [object, binary] = [join(folder, "dirtier.o"), join(folder, "dirtier.bin")];
  await run(["as", "--32", join(import.meta.dir, "dirtier.s"), "-o", object]);
  await run(["objcopy", "-O", "binary", "-j", ".text", object, binary]);
  return Bun.file(binary).bytes();
}

/** A disk's first sector that boots into the program. */
function bootSector(program: Uint8Array, kind: Kind): Uint8Array {
  if (program.length > numbersAt.used) throw new Error("the guest's program is too long for a boot sector");
  const sector = new Uint8Array(sectorBytes);
  sector.set(program);
  const view = new DataView(sector.buffer);
  view.setUint32(numbersAt.used, kind.usedMiB * pagesPerMiB, true);
  view.setUint32(numbersAt.set, kind.setMiB * pagesPerMiB, true);
  view.setUint32(numbersAt.perTick, Math.round((kind.rate * pagesPerMiB) / ticksPerSecond), true);
  view.setUint16(numbersAt.mark, bootMark, true);
  return sector;
}

interface Ground {
  room: Room;
  from: { node: LabNode; hypervisor: RealHypervisor };
  to: { node: LabNode; hypervisor: RealHypervisor };
  mover: Mover;
  program: Uint8Array;
  kind: Kind;
  port: number;
}

async function migrateOnce({ room, from, to, mover, program, kind, port }: Ground): Promise<Run> {
  const uuid = crypto.randomUUID();
  const path = `/srv/shared/${uuid}.raw`;
  const image = join(room.folder, "shared", `${uuid}.raw`);
  const disk = new Uint8Array(1024 ** 2);
  disk.set(bootSector(program, kind));
  writeFileSync(image, disk);
  const vnc = { port, listen: "127.0.0.1", password: "secret" };
  await from.hypervisor.define({
    uuid,
    name: `dirty-${port}`,
    clusterId,
    memoryMiB,
    vcpus: 1,
    clock: "utc",
    disks: [{ path, format: "raw", target: "vda", serial: "disk-1" }],
    seedPath: null,
    interfaces: [],
    vnc,
  });
  await from.hypervisor.start(uuid);
  // Its memory is in use once the program has touched it.
  await until(
    "the guest touches its memory",
    patienceMilliseconds,
    async () =>
      ((await from.hypervisor.migrations.usedBytes(uuid)) ?? 0) >= kind.usedMiB * 1024 ** 2 || undefined,
  );
  const payload: PayloadOf<typeof migrateGuest> = {
    uuid,
    name: `dirty-${port}`,
    toNode: to.node.name,
    address: to.node.address,
    peerUri: to.node.migrationUri,
    vncPort: port + 1,
    vncListen: vnc.listen,
    vncPassword: vnc.password,
    takenPorts: [],
    disks: [{ uuid, target: "vda", path, to: path, pool: "", copy: false }],
    seed: null,
    trustStorage: true,
    tls: false,
    autoConverge: false,
    postcopy: false,
    bandwidthMiBs,
    connections: 1,
    memoryPort: null,
    diskPort: null,
  };
  const known = { dirtied: [] as Dirtied[], usedBytes: await from.hypervisor.migrations.usedBytes(uuid) };
  const { migrations } = from.hypervisor;
  const measure = migrations.measureDirtied.bind(migrations);
  migrations.measureDirtied = async (guest, seconds) => {
    const bytes = await measure(guest, seconds);
    if (bytes !== null) known.dirtied.push({ seconds, bytes });
    return bytes;
  };
  const { id, ended } = mover.begin(payload);
  const linear = await watch(from.hypervisor, uuid, ended);
  migrations.measureDirtied = measure;
  const end = await ended;
  if (end.state !== "succeeded") throw new Error(`a migration ended so: ${JSON.stringify(end)}`);
  await to.hypervisor.destroy(uuid);
  await to.hypervisor.undefine(uuid);
  const told = mover.told.get(id) ?? [];
  if (traceFolder)
    writeFileSync(
      join(traceFolder, `${port}.json`),
      JSON.stringify({ kind, known, began: linear.began, over: linear.over, samples: linear.samples, told }),
    );
  const { began, over } = linear;
  const looks = linear.looks.map(({ at, left }): Look => {
    const last = told.findLast((each) => each.at <= at);
    return {
      at: (at - began) / 1000,
      // As a page counts it down since it was told.
      told:
        last?.figures.secondsLeft == null
          ? null
          : Math.max(0, last.figures.secondsLeft - (at - last.at) / 1000),
      linear: left,
    };
  });
  return { kind, seconds: (over - began) / 1000, looks };
}

/** libvirt's own figures from the migration's beginning to its end, and what a straight line through them says. */
async function watch(hypervisor: RealHypervisor, uuid: string, ended: Promise<unknown>) {
  const looks: { at: number; left: number | null }[] = [];
  const samples: (MigrationJob & { at: number })[] = [];
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let [began, over] = [0, 0];
  while (!isOver) {
    const job = await hypervisor.migrations.job(uuid).catch(() => null);
    const at = Date.now();
    if (job && job.pass > 0) {
      if (began === 0) began = at;
      over = at;
      const done = job.memoryTotalBytes - job.memoryLeftBytes;
      const elapsed = (at - began) / 1000;
      samples.push({ ...job, at });
      looks.push({ at, left: done > 0 && elapsed > 0 ? (elapsed * job.memoryLeftBytes) / done : null });
    }
    await Bun.sleep(lookMilliseconds);
  }
  if (looks.length < 3) throw new Error("the migration was over before it could be looked at");
  return { began, over: over + lookMilliseconds / 2, looks, samples };
}

/** The error of a time left as a share of the true one, percent, where `share` of the way is over. */
function errorAt({ seconds, looks }: Run, share: number, what: "told" | "linear"): number {
  const here = looks.findLast(({ at }) => at <= seconds * share);
  const left = here?.[what];
  // Nothing told is as wrong as twice or nothing.
  if (!here || left === null || left === undefined) return 100;
  return (100 * Math.abs(left - (seconds - here.at))) / (seconds - here.at);
}

function report(runs: readonly Run[]): string {
  const row = (name: string, some: readonly Run[]): string[] => [
    name,
    String(some.length),
    digits(median(some.map(({ seconds }) => seconds))),
    ...shares.flatMap((share) =>
      (["told", "linear"] as const).map((what) =>
        digits(median(some.map((each) => errorAt(each, share, what)))),
      ),
    ),
  ];
  const head = shares.flatMap((share) => [`at ${100 * share} %`, "linear"]);
  const rows = kinds.flatMap((kind) => {
    const some = runs.filter((each) => each.kind === kind);
    const name = kind.rate === 0 ? "writes nothing" : `${kind.rate} MiB/s into ${kind.setMiB} MiB`;
    return some.length === 0 ? [] : [row(name, some)];
  });
  return [
    table(["guest", "runs", "median s", ...head], [...rows, row("all", runs)]),
    "",
    aim(
      "median error at 30 % of the way",
      median(runs.map((each) => errorAt(each, shares[0], "told"))),
      aimPercent,
      " %",
    ),
    "",
    `Median errors of the remaining time, in percent of the true one. Guests of ${memoryMiB} MiB between two machines of the`,
    `lab under the machine's own emulation or KVM, at most ${bandwidthMiBs} MiB/s, nothing slowed down; each writes to random`,
    "pages, a hundred times a second, from a boot sector (`scripts/bench/dirtier.s`). The linear figure is what elapsed",
    "time and libvirt's share of sent bytes say. Where no time was told the error counts as 100 %.",
  ].join("\n");
}
