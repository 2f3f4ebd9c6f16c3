/**
 * Creating and starting guests through the API, against the same guests made by qemu-img and virsh alone: each
 * on a libvirtd of its own, so that neither disturbs the other, in turns.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openHypervisor } from "../../src/core/libvirt/real.ts";
import { PrivateLibvirtd } from "../../tests/support/libvirtd.ts";
import type { Bench, Section } from "./bench.ts";
import { aim, digits, median, ratios, spreadTable, table } from "./figures.ts";
import { type Guest, Product } from "./product.ts";
import { run, say } from "./shell.ts";

/** What is run: guests at once, and how many pairs of runs. */
const plan = [
  { template: "demo", guests: 1, pairs: 7 },
  { template: "large", guests: 1, pairs: 5 },
  { template: "demo", guests: 20, pairs: 3 },
] as const;
const largeMiB = 1024;
const shape = { vcpus: 1, memoryMiB: 128, diskSizeGiB: 2 };
const runMilliseconds = 180_000;
const gibibyte = 1024 ** 3;

/** What the shell runs for each guest: the same copy, the same growth, the same definition, the same start. */
const bareScript = `
set -e
qemu-img convert -p -f qcow2 -O qcow2 -- "$1" "$2" >/dev/null
qemu-img resize -q -f qcow2 -- "$2" "$3"
virsh -q -c "$5" define "$4" >/dev/null
virsh -q -c "$5" start "$6" >/dev/null
`;

interface Mark {
  name: string;
  milliseconds: number;
}

interface Lab {
  product: Product;
  ours: PrivateLibvirtd;
  bare: PrivateLibvirtd;
  folder: string;
  templates: Record<"demo" | "large", { id: string; path: string }>;
}

/**
 * Guests through the API: milliseconds from the request until all are told to run. With `marks`, what was told
 * when is noted there, at the price of further requests.
 */
async function throughApi(lab: Lab, template: "demo" | "large", quantity: number, marks?: Mark[]) {
  const waiting = new Set<string>();
  let begun = 0;
  const told = new Map<string, string>();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const check = () => {
    for (const uuid of waiting) {
      const state = told.get(uuid);
      if (state === "failed") reject(new Error("a guest could not be created: see the program's log"));
      if (state === "running") waiting.delete(uuid);
    }
    if (waiting.size === 0) resolve(performance.now() - begun);
  };
  const mark = (name: string) => {
    if (marks && marks.at(-1)?.name !== name) marks.push({ name, milliseconds: performance.now() - begun });
  };
  const stop = await lab.product.follow((event) => {
    if (marks && event.topic === "task")
      void lab.product.task(event.key).then(({ state, step }) => mark(`task ${state}: ${step ?? "-"}`));
    if (event.topic !== "guest" || typeof event.data?.state !== "string") return;
    told.set(event.key, event.data.state);
    mark(`guest ${event.data.state}`);
    if (waiting.size > 0) check();
  });
  const timer = setTimeout(() => reject(new Error("the guests did not run in time")), runMilliseconds);
  try {
    begun = performance.now();
    const made = await lab.product.ask<{ guests: Guest[]; tasks: { id: string }[] }>("POST", "/guests", {
      name: "bench",
      templateId: lab.templates[template].id,
      quantity,
      ...shape,
    });
    mark("request answered");
    for (const guest of made.guests) waiting.add(guest.uuid);
    check();
    const milliseconds = await promise;
    await Promise.all(made.tasks.map(({ id }) => lab.product.ended(id)));
    return { milliseconds, guests: made.guests };
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** The definition of one of ours, for a domain of another name, disk and port; it is off meanwhile or not, alike. */
async function definitionOf(lab: Lab, guest: Guest): Promise<string> {
  return lab.ours.virsh("dumpxml", "--inactive", "--security-info", guest.uuid);
}

interface BareGuest {
  uuid: string;
  disk: string;
  file: string;
}

/** Writes definitions for bare guests, made of ours by exchanging what must differ. */
async function bareGuests(lab: Lab, xml: string, quantity: number): Promise<BareGuest[]> {
  const name = xml.match(/<name>([^<]*)<\/name>/)?.[1];
  const uuid = xml.match(/<uuid>([^<]*)<\/uuid>/)?.[1];
  const disk = xml.match(/<source file='([^']*)'/)?.[1];
  const port = xml.match(/<graphics type='vnc' port='(\d+)'/)?.[1];
  const mac = xml.match(/<mac address='([^']*)'/)?.[1];
  if (!name || !uuid || !disk || !port || !mac) throw new Error("the guest's definition lacks something");
  const guests: BareGuest[] = [];
  for (let i = 0; i < quantity; i++) {
    const one = crypto.randomUUID();
    const path = join(lab.folder, "bare", `${one}.qcow2`);
    const changed = xml
      .replaceAll(disk, path)
      .replaceAll(uuid, one)
      .replace(`<name>${name}</name>`, `<name>bare-${i}</name>`)
      .replace(`port='${port}'`, `port='${Number(port) + 100 + i}'`)
      .replace(mac, `52:54:00:ba:4e:${i.toString(16).padStart(2, "0")}`);
    const file = join(lab.folder, "bare", `${one}.xml`);
    await Bun.write(file, changed);
    guests.push({ uuid: one, disk: path, file });
  }
  return guests;
}

/** The same guests by qemu-img and virsh, one shell for each at once: milliseconds until all shells have ended. */
async function bareRun(lab: Lab, template: "demo" | "large", guests: readonly BareGuest[]): Promise<number> {
  const size = String(shape.diskSizeGiB * gibibyte);
  const { path } = lab.templates[template];
  const begun = performance.now();
  await Promise.all(
    guests.map(({ uuid, disk, file }) =>
      run(["sh", "-c", bareScript, "sh", path, disk, size, file, lab.bare.uri, uuid]),
    ),
  );
  return performance.now() - begun;
}

async function removeBare(lab: Lab, guests: readonly BareGuest[]): Promise<void> {
  for (const { uuid, disk, file } of guests) {
    await lab.bare.virsh("destroy", uuid).catch(() => undefined);
    await lab.bare.virsh("undefine", uuid).catch(() => undefined);
    for (const path of [disk, file]) rmSync(path, { force: true });
  }
}

interface Result {
  title: string;
  ours: number[];
  bare: number[];
}

async function compare(
  lab: Lab,
  { template, guests: quantity, pairs }: (typeof plan)[number],
): Promise<Result> {
  const title = `${quantity} ${quantity === 1 ? "guest" : "guests at once"}, ${template} template`;
  say(`creating ${title}`);
  const result: Result = { title, ours: [], bare: [] };
  // The first pair warms the page cache and is not counted.
  for (let i = -1; i < pairs; i++) {
    await run(["sync"]);
    const mine = await throughApi(lab, template, quantity);
    const [first] = mine.guests;
    if (!first) throw new Error("no guest was made");
    const xml = await definitionOf(lab, first);
    await lab.product.deleteGuests(mine.guests.map(({ uuid }) => uuid));
    const theirs = await bareGuests(lab, xml, quantity);
    await run(["sync"]);
    try {
      const milliseconds = await bareRun(lab, template, theirs);
      if (i < 0) continue;
      result.ours.push(mine.milliseconds);
      result.bare.push(milliseconds);
    } finally {
      await removeBare(lab, theirs);
    }
  }
  return result;
}

/** An image whose data can't be skipped or compressed. */
async function makeLarge(path: string): Promise<void> {
  const raw = `${path}.raw`;
  await run(["dd", "if=/dev/urandom", `of=${raw}`, "bs=1M", `count=${largeMiB}`, "status=none"]);
  await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "--", raw, path]);
  rmSync(raw);
}

/** The definition's network is JimV's own: the bare libvirtd gets one like it. */
async function likeOurs(libvirtd: PrivateLibvirtd): Promise<void> {
  const hypervisor = await openHypervisor({ uri: libvirtd.uri });
  try {
    await hypervisor.host(); // libvirt learns of QEMU here, once
    await hypervisor.ensureNatNetwork("jimv");
  } finally {
    await hypervisor.close();
  }
}

/** What the event stream tells of the making of one guest, and when. */
async function breakdown(lab: Lab): Promise<string> {
  const marks: Mark[] = [];
  const { guests } = await throughApi(lab, "demo", 1, marks);
  await lab.product.deleteGuests(guests.map(({ uuid }) => uuid));
  return table(
    ["what was told", "after ms"],
    marks.map(({ name, milliseconds }) => [name, digits(milliseconds)]),
  );
}

export async function creation(bench: Bench): Promise<Section> {
  const folder = join(bench.folder, "creation");
  mkdirSync(join(folder, "bare"), { recursive: true });
  const templates = { demo: join(folder, "demo.qcow2"), large: join(folder, "large.qcow2") };
  say("making the templates");
  await run([join(import.meta.dir, "../demo-template.sh"), templates.demo]);
  await makeLarge(templates.large);
  const product = await Product.prepare(await bench.executable(), folder, bench.libvirtd.uri);
  const bare = await PrivateLibvirtd.open({ privateNetwork: true });
  try {
    await likeOurs(bare);
    await product.start();
    await product.ready();
    const lab: Lab = {
      product,
      ours: bench.libvirtd,
      bare,
      folder,
      templates: {
        demo: { id: await product.registerTemplate("demo", templates.demo), path: templates.demo },
        large: { id: await product.registerTemplate("large", templates.large), path: templates.large },
      },
    };
    const results: Result[] = [];
    for (const step of plan) results.push(await compare(lab, step));
    return { title: "Creation", text: text(results, await breakdown(lab)) };
  } finally {
    await product.stop();
    await bare.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function text(results: readonly Result[], steps: string): string {
  return [
    `Guests with ${shape.vcpus} vCPU, ${shape.memoryMiB} MiB and a disk of ${shape.diskSizeGiB} GiB, a full copy of the`,
    "template. JimV: from the request `POST /api/v1/guests` until the event stream has told of the last guest that it",
    "runs. Bare: a shell for each guest, all at once, that runs `qemu-img convert` and `resize` with JimV's options,",
    "`virsh define` and `virsh start` with the very definition that JimV made, until the last shell has ended.",
    "",
    ...results.flatMap(({ title, ours, bare }) => {
      const each = ratios(ours, bare);
      return [
        `### ${title}`,
        "",
        spreadTable("ms", [
          ["JimV", ours],
          ["qemu-img and virsh", bare],
        ]),
        "",
        aim("JimV / bare (median of the ratios of neighbouring runs)", median(each), 1.1),
        `- single ratios: ${each.map(digits).join(", ")}`,
        "",
      ];
    }),
    "### Where the time of one guest goes",
    "",
    "What the event stream told in one more run, which asked for the task's step at each event:",
    "",
    steps,
    "",
    `The demo template is small; the large one holds ${largeMiB} MiB of random data. Runs stood in turns (JimV, bare, JimV, …)`,
    "in one run of the bench, each after a `sync`, each side on a libvirtd of its own that did nothing else; the first",
    "pair, which warms the page cache, is not counted.",
    "",
    "Guests boot as soon as they run. Under software emulation on a machine with few cores each of them takes a whole core",
    "meanwhile, and whatever is started later waits for its share: with k guests booting on c cores, a start that needs",
    "one second of processor takes (k + 1) / c seconds or more. So it matters that a batch starts in one wave: with only",
    "three starts at a time an earlier version took 2.7 to 3.7 times as long as twenty shells at once, which is why a node makes and",
    "starts up to twenty guests at once. With KVM and more cores than booting guests the effect is small.",
    "",
    "Not measured: storage that is slower than this machine's page cache, cloud-init seeds (JimV writes one more small",
    "file then) and other nodes than the local one.",
  ].join("\n");
}
