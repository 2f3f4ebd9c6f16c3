/**
 * One round of statistics over all domains: JimV's binding, libvirt's Python binding and virsh, in turns.
 * Over 1,000 domains of libvirt's pretended hypervisor, and over 50 real paused guests.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import type { PrivateLibvirtd } from "../../tests/support/libvirtd.ts";
import type { Bench, Section } from "./bench.ts";
import { aim, median, ratios, spreadTable } from "./figures.ts";
import { run, say } from "./shell.ts";

const pretended = 1000;
const real = 50;
const rounds = { pretended: 60, real: 60 };
const warmUps = 3;
const uri = {
  remote: (libvirtd: PrivateLibvirtd) => `test+unix:///default?socket=${libvirtd.socket}`,
  inside: (file: string) => `test://${file}`,
};

/** The Python process; one round for each question. */
class Python {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: AsyncIterator<string>;

  constructor(connection: string) {
    // The system's own: others on the path know nothing of the packaged binding.
    const script = join(import.meta.dir, "sampling.py");
    this.child = Bun.spawn(["/usr/bin/python3", script, connection], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.lines = linesOf(this.child.stdout);
  }

  async round(kind: "call" | "named"): Promise<Round> {
    this.child.stdin.write(`${kind}\n`);
    await this.child.stdin.flush();
    const { value } = await this.lines.next();
    const [nanoseconds, domains, values] = String(value).split(" ").map(Number);
    if (nanoseconds === undefined || domains === undefined || values === undefined)
      throw new Error("the Python process ended");
    return { milliseconds: nanoseconds / 1e6, domains, values };
  }

  async end(): Promise<void> {
    await this.child.stdin.end();
    await this.child.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

interface Round {
  milliseconds: number;
  domains: number;
  values: number;
}

async function ourRound(hypervisor: RealHypervisor): Promise<Round> {
  const begun = performance.now();
  const records = await hypervisor.stats();
  const milliseconds = performance.now() - begun;
  const values = records.reduce((sum, record) => sum + Object.keys(record.values).length, 0);
  return { milliseconds, domains: records.length, values };
}

const contestants = ["ours", "call", "named", "virsh"] as const;

interface Compared extends Record<(typeof contestants)[number], number[]> {
  title: string;
  domains: number;
  values: number;
}

/** Rounds in turns, each time beginning with the next one, so that nobody always comes after the same. */
async function compare(
  title: string,
  hypervisor: RealHypervisor,
  connection: string,
  options: { rounds: number; virsh: boolean },
): Promise<Compared> {
  say(`sampling ${title}`);
  const python = new Python(connection);
  const result: Compared = { title, domains: 0, values: 0, ours: [], call: [], named: [], virsh: [] };
  const turns: Record<(typeof contestants)[number], () => Promise<number>> = {
    ours: async () => {
      const round = await ourRound(hypervisor);
      result.domains = round.domains;
      result.values = round.values;
      return round.milliseconds;
    },
    call: async () => same(result, await python.round("call")),
    named: async () => same(result, await python.round("named")),
    virsh: async () => {
      const begun = performance.now();
      await run(["virsh", "-q", "-c", connection, "domstats", "--nowait"], { quiet: true });
      return performance.now() - begun;
    },
  };
  const names = contestants.filter((name) => name !== "virsh" || options.virsh);
  try {
    await turns.ours();
    for (let i = -warmUps; i < options.rounds; i++)
      for (let j = 0; j < names.length; j++) {
        const name = names[(i + warmUps + j) % names.length];
        if (!name) continue;
        const milliseconds = await turns[name]();
        if (i >= 0) result[name].push(milliseconds);
      }
  } finally {
    await python.end();
  }
  return result;
}

/** A round's time. @throws Error when it did not see what ours saw: then the comparison would be worth nothing */
function same(result: Compared, round: Round): number {
  if (round.domains !== result.domains || round.values !== result.values)
    throw new Error(
      `JimV saw ${result.domains} domains with ${result.values} values, Python ${round.domains} with ${round.values}`,
    );
  return round.milliseconds;
}

function testDomain(index: number): string {
  return `<domain type="test"><name>pretended-${index}</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;
}

/** libvirtd runs the pretended hypervisor: virsh, Python and JimV see the same domains through its socket. */
async function pretendedRemote(bench: Bench): Promise<Compared> {
  const connection = uri.remote(bench.libvirtd);
  const hypervisor = await openHypervisor({ uri: connection }); // keeps the pretended host alive
  try {
    const commands: string[] = [];
    for (let i = 1; i < pretended; i++) {
      const file = join(bench.folder, `pretended-${i}.xml`);
      writeFileSync(file, testDomain(i));
      commands.push(`define ${file}`, `start pretended-${i}`);
    }
    await run(["virsh", "-q", "-c", connection], { stdin: `${commands.join("\n")}\n`, quiet: true });
    return await compare("1,000 pretended domains through libvirtd", hypervisor, connection, {
      rounds: rounds.pretended,
      virsh: true,
    });
  } finally {
    await hypervisor.close();
  }
}

/** The pretended hypervisor in each process itself: what is left is the binding. */
async function pretendedInside(bench: Bench): Promise<Compared> {
  const file = join(bench.folder, "pretended.xml");
  const domains = Array.from({ length: pretended }, (_, i) => testDomain(i + 1));
  writeFileSync(file, `<node>${domains.join("")}</node>`);
  const hypervisor = await openHypervisor({ uri: uri.inside(file) });
  try {
    return await compare("1,000 pretended domains in the process itself", hypervisor, uri.inside(file), {
      rounds: rounds.pretended,
      virsh: false,
    });
  } finally {
    await hypervisor.close();
  }
}

/** Tiny guests as JimV defines them, with a disk, an interface and a screen; started paused. */
async function realGuests(bench: Bench): Promise<Compared> {
  const { libvirtd } = bench;
  const hypervisor = await openHypervisor({ uri: libvirtd.uri, clusterId: "bench" });
  const uuids: string[] = [];
  try {
    say(`starting ${real} paused guests`);
    await hypervisor.host(); // libvirt learns of QEMU here, once
    await hypervisor.ensureNatNetwork("jimv");
    for (let i = 0; i < real; i++) {
      const uuid = crypto.randomUUID();
      uuids.push(uuid);
      const path = join(bench.folder, `${uuid}.qcow2`);
      await hypervisor.images.create(path, { format: "qcow2", sizeBytes: 1024 * 1024 });
      await hypervisor.define({
        uuid,
        name: `paused-${i}`,
        clusterId: "bench",
        memoryMiB: 32,
        vcpus: 1,
        clock: "utc",
        disks: [{ path, format: "qcow2", target: "vda", serial: `disk-${i}` }],
        seedPath: null,
        interfaces: [
          { mac: `52:54:00:be:7c:${i.toString(16).padStart(2, "0")}`, source: { network: "jimv" } },
        ],
        vnc: { port: 25_900 + i, listen: "127.0.0.1", password: "secret" },
      });
    }
    // Two at a time, one for each core of a small machine.
    const waiting = [...uuids];
    const starter = async () => {
      for (let uuid = waiting.pop(); uuid !== undefined; uuid = waiting.pop())
        await libvirtd.virsh("start", uuid, "--paused");
    };
    await Promise.all([starter(), starter()]);
    return await compare(`${real} real paused guests`, hypervisor, libvirtd.uri, {
      rounds: rounds.real,
      virsh: true,
    });
  } finally {
    for (const uuid of uuids) {
      await hypervisor.destroy(uuid).catch(() => undefined);
      await hypervisor.undefine(uuid).catch(() => undefined);
    }
    await hypervisor.close();
  }
}

function told(result: Compared): string {
  const perCall = median(ratios(result.ours, result.call));
  const perNamed = median(ratios(result.ours, result.named));
  const lines = [
    `### ${result.title}`,
    "",
    `${result.domains} domains, ${result.values} values in each round.`,
    "",
    spreadTable("ms", [
      ["JimV", result.ours],
      ["Python, the call alone", result.call],
      ["Python, with uuid and name of each domain", result.named],
      ...(result.virsh.length > 0 ? ([["virsh, whole process", result.virsh]] as const) : []),
    ]),
    "",
    aim("JimV / Python with uuid and name, the same work (median of the ratios of one turn)", perNamed, 1),
    aim("JimV / Python, the call alone", perCall, 1),
  ];
  if (result.virsh.length > 0)
    lines.push(`- JimV / virsh: ${median(ratios(result.ours, result.virsh)).toFixed(3)}`);
  return lines.join("\n");
}

export async function sampling(bench: Bench): Promise<Section> {
  const results = [await pretendedRemote(bench), await pretendedInside(bench), await realGuests(bench)];
  return {
    title: "Sampling",
    text: [
      "One round of statistics of all domains, all groups that the driver has, never waiting behind a job. The aim:",
      "not slower than the C library's own Python binding.",
      "",
      ...results.flatMap((result) => [told(result), ""]),
      "JimV's round is `hypervisor.stats()` in a long-lived process as in production: one call in a worker thread,",
      "parsed there, handed to the main thread, and a plain object for each domain. Python's round is",
      "`getAllDomainStats` in a long-lived process, which makes a dictionary for each domain; it hands out no uuid",
      "and name without a further call to each domain object, so both are shown. Freeing the result is not in",
      "Python's time; JavaScript's garbage collector runs when it likes, and is in JimV's. virsh is the whole process:",
      "start, connection, call, printing. The four stood in turns in one run, each turn beginning with the next of them.",
      "",
      "Not measured: running guests under load, whose QEMU answers later for everybody alike, and hundreds of real",
      "guests. The pretended hypervisor has few values for each domain; the real one has many, and most of a round's time",
      "is then libvirtd's own, asking each QEMU.",
    ].join("\n"),
  };
}
