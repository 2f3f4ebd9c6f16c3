/**
 * Creations that fail on the real thing: real libvirt, real files, the compiled executable. Each time the task
 * ends with a reason, nothing is left over (no domain, no file, no held port), and a second try works.
 */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type App, demoTemplate, type TaskBody, until } from "../support/app.ts";
import { type Lab, openLab } from "../support/lab.ts";

setDefaultTimeout(300_000);

const memoryMiB = 128;
const folder = mkdtempSync("/var/tmp/jimv-faults-");
const image = join(folder, "template.qcow2");
let lab: Lab;
let app: App;
let templateId: string;
/** A template whose copy takes some seconds: incompressible data around the same boot disk. */
let slowTemplateId: string;

beforeAll(async () => {
  lab = await openLab();
  app = lab.app;
  renameSync(await demoTemplate(folder), image);
  templateId = await app.registerTemplate(image);
  slowTemplateId = await app.registerTemplate(await slowImage(), { name: "Slow" });
}, 600_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** MiB of random data: what qemu-img can neither skip nor share. */
const slowMiB = 1500;

async function slowImage(): Promise<string> {
  const path = join(folder, "slow.raw");
  await run(["dd", "if=/dev/urandom", `of=${path}`, "bs=1M", `count=${slowMiB}`, "status=none"]);
  return path;
}

async function run(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [errors, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (status !== 0) throw new Error(`${command.join(" ")}: ${errors}`);
}

interface Begun {
  task: { id: string };
  guests: { uuid: string; name: string }[];
}

const create = (name: string, more: Record<string, unknown> = {}): Promise<Begun> =>
  app.ask<Begun>("POST", "/guests", { name, templateId, vcpus: 1, memoryMiB, ...more });

/** What is there of guests outside of JimV's own rows, and inside. */
async function traces() {
  const domains = (await lab.libvirtd.virsh("list", "--all", "--name"))
    .split("\n")
    .filter((name) => name !== "");
  const files = readdirSync(app.storage).filter((name) => name !== "lost+found");
  const store = new Database(join(app.data, "jimv.sqlite"), { readonly: true });
  try {
    const [{ ports = -1 } = {}] = store
      .query<{ ports: number }, []>("select count(vnc_port) as ports from guests")
      .all();
    const [{ disks = -1 } = {}] = store
      .query<{ disks: number }, []>("select count(*) as disks from disks")
      .all();
    const [{ open = -1 } = {}] = store
      .query<{ open: number }, []>("select count(*) as open from tasks where state in ('queued', 'running')")
      .all();
    return { domains, files, ports, disks, open };
  } finally {
    store.close();
  }
}

const clean = { domains: [], files: [], ports: 0, disks: 0, open: 0 };

/** Undos may come a moment after the task's end when libvirtd was away. */
async function nothingIsLeft(): Promise<void> {
  let last: unknown;
  await until("nothing is left over", 60_000, async () => {
    last = await traces().catch((error: unknown) => String(error));
    return JSON.stringify(last) === JSON.stringify(clean);
  }).catch((error: Error) => {
    throw new Error(`${error.message}; left: ${JSON.stringify(last)}`);
  });
}

/** The guest of a failed creation stays with its reason, and can be deleted. */
async function failedRow(uuid: string): Promise<void> {
  const guest = await app.ask<{ state: string; error: { detail: string } | null; actions: string[] }>(
    "GET",
    `/guests/${uuid}`,
  );
  expect(guest.state).toBe("failed");
  expect(guest.error?.detail ?? "").toMatch(/\w{3}/);
  expect(guest.actions).toEqual(["delete"]);
  const { task } = await app.ask<Begun>("DELETE", `/guests/${uuid}`);
  expect((await app.ended(task.id)).state).toBe("succeeded");
  expect((await app.api("GET", `/guests/${uuid}`)).status).toBe(404);
}

/** The proof that nothing was spoilt: the same name, to a running guest and away again. */
async function secondTryWorks(name: string): Promise<void> {
  const { task, guests } = await create(name);
  const made = await app.ended(task.id);
  expect([made.state, made.error]).toEqual(["succeeded", null]);
  const uuid = guests[0]?.uuid ?? "";
  await until(`${name} runs`, 60_000, async () => {
    const { state } = await app.ask<{ state: string }>("GET", `/guests/${uuid}`);
    return state === "running";
  });
  const { task: deletion } = await app.ask<Begun>("DELETE", `/guests/${uuid}`, { force: true });
  expect((await app.ended(deletion.id)).state).toBe("succeeded");
  await nothingIsLeft();
}

/** Waits until the copy of a creation has got somewhere. */
async function copying(id: string): Promise<void> {
  await until("the copy is under way", 60_000, async () => {
    const task = await app.task(id);
    if (!["queued", "running"].includes(task.state)) throw new Error(`it ended: ${JSON.stringify(task)}`);
    return task.progress > 5;
  });
}

function expectFailure(task: TaskBody): void {
  expect(task.state).toBe("failed");
  expect(task.leftovers).toBe(false);
  // A sentence, not a word key.
  expect(task.error?.detail ?? "").toMatch(/ .* /);
}

test("the template's file has vanished", async () => {
  const away = join(folder, "away.qcow2");
  renameSync(image, away);
  const { task, guests } = await create("vanished");
  const ended = await app.ended(task.id);
  renameSync(away, image);
  expectFailure(ended);
  expect(ended.error?.detail).toContain(image);
  await nothingIsLeft();
  await failedRow(guests[0]?.uuid ?? "");
  await secondTryWorks("vanished");
});

test("the template's file is no image any more", async () => {
  const away = join(folder, "away.qcow2");
  renameSync(image, away);
  writeFileSync(image, "not an image at all\n".repeat(1000));
  const { task, guests } = await create("spoilt");
  const ended = await app.ended(task.id);
  rmSync(image);
  renameSync(away, image);
  expectFailure(ended);
  await nothingIsLeft();
  await failedRow(guests[0]?.uuid ?? "");
  await secondTryWorks("spoilt");
});

test("libvirtd is stopped half-way and comes back", async () => {
  const { task, guests } = await create("orphaned", { templateId: slowTemplateId });
  await copying(task.id);
  await lab.libvirtd.kill("SIGKILL");
  let ended: TaskBody;
  try {
    ended = await app.ended(task.id, 180_000);
  } finally {
    await lab.libvirtd.start();
  }
  expect(ended.state).toBe("failed");
  // While libvirtd is away nobody can say that no domain is left; once it is back, the task says so.
  await until("the task has no leftovers", 60_000, async () => !(await app.task(task.id)).leftovers);
  await app.nodeReady();
  await nothingIsLeft();
  await failedRow(guests[0]?.uuid ?? "");
  await secondTryWorks("orphaned");
});

test("a creation that is cancelled while it copies", async () => {
  const { task, guests } = await create("cancelled", { templateId: slowTemplateId });
  await copying(task.id);
  expect((await app.api("POST", `/tasks/${task.id}/cancel`)).status).toBeLessThan(300);
  const ended = await app.ended(task.id);
  expect([ended.state, ended.leftovers]).toEqual(["cancelled", false]);
  await nothingIsLeft();
  const { status, body } = await app.api<{ state: string }>("GET", `/guests/${guests[0]?.uuid}`);
  if (status === 200) {
    expect(body.state).toBe("failed");
    await failedRow(guests[0]?.uuid ?? "");
  }
  await secondTryWorks("cancelled");
});

test("the pool's folder can't be written to", async () => {
  // The pool's folder is read-only for a moment.
  await run(["chattr", "+i", app.storage]).catch(() => undefined);
  let ended: TaskBody;
  let uuid: string;
  try {
    const { task, guests } = await create("readonly", { dataDisks: [{ sizeGiB: 1 }] });
    uuid = guests[0]?.uuid ?? "";
    ended = await app.ended(task.id);
  } finally {
    await run(["chattr", "-i", app.storage]).catch(() => undefined);
  }
  expectFailure(ended);
  await nothingIsLeft();
  await failedRow(uuid);
  await secondTryWorks("readonly");
});

/** Kills at moments spread over the whole creation, different in each run; the seed is printed. */
const kills = process.env.JIMV_LONG === "1" ? 60 : 6;
const seed = Number(process.env.JIMV_TEST_SEED ?? Date.now() % 1_000_000);

/** Small and good enough: mulberry32. */
function random(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(
  `killed with SIGKILL at ${kills} moments of a creation, and started again`,
  async () => {
    console.log(`JIMV_TEST_SEED=${seed}`);
    const next = random(seed);
    for (let round = 0; round < kills; round++) {
      const name = `killed-${round}`;
      const slow = round % 2 === 1;
      const { task, guests } = await create(name, slow ? { templateId: slowTemplateId, start: false } : {});
      const pause = next() * (slow ? 3_000 : 1_200);
      await Bun.sleep(pause);
      await app.stop("SIGKILL");
      await app.start();
      const ended = await app.ended(task.id, 180_000);
      const where = { round, seed, pause: Math.round(pause), state: ended.state, error: ended.error };
      const uuid = guests[0]?.uuid ?? "";
      if (ended.state === "succeeded") {
        // It was far enough, or begun again: then it is a whole guest, and goes without a trace.
        const { task: deletion } = await app.ask<Begun>("DELETE", `/guests/${uuid}`, { force: true });
        expect([where, (await app.ended(deletion.id)).state]).toEqual([where, "succeeded"]);
      } else {
        expect([where, ended.state, ended.leftovers]).toEqual([where, "failed", false]);
        await nothingIsLeft();
        await failedRow(uuid);
      }
      await nothingIsLeft();
    }
    await secondTryWorks("after-kills");
  },
  kills * 120_000,
);

test("a creation is begun again after a kill, or says why not, with its old password and port", async () => {
  const { task, guests } = await create("resumed", { templateId: slowTemplateId, start: false });
  await copying(task.id);
  await app.stop("SIGKILL");
  await app.start();
  const ended = await app.ended(task.id, 180_000);
  expect(ended.state).toBe("succeeded");
  const uuid = guests[0]?.uuid ?? "";
  const { task: deletion } = await app.ask<Begun>("DELETE", `/guests/${uuid}`);
  expect((await app.ended(deletion.id)).state).toBe("succeeded");
  await nothingIsLeft();
});

/** Waits until the node has told that so many MiB are free. */
async function freeOnNode(mib: number): Promise<void> {
  type Node = { storage: { availableBytes: number } | null };
  await until(`${mib} MiB are free on the node`, 60_000, async () => {
    const { storage } = await app.ask<Node>("GET", `/nodes/${app.nodeName}`);
    return (storage?.availableBytes ?? 0) > mib * 1024 ** 2;
  });
}

/** Fills the disk after the node has told of its free space, and asks before it tells anew. */
async function createIntoFull(id: string, filler: string): Promise<Begun> {
  for (let tries = 5; ; tries--) {
    await freeOnNode(200);
    await run(["sh", "-c", `dd if=/dev/zero of=${filler} bs=1M count=2000 status=none || true`]);
    const { status, body } = await app.api<Begun>("POST", "/guests", {
      name: "full",
      templateId: id,
      vcpus: 1,
      memoryMiB,
    });
    if (status === 202) return body;
    // The node told of the full disk in between: refused at once, which is right, too.
    rmSync(filler);
    if (tries <= 1) throw new Error(`never accepted: ${JSON.stringify(body)}`);
  }
}

test("a disk that fills up while the image is copied", async () => {
  const small = mkdtempSync("/var/tmp/jimv-small-");
  await run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", small]);
  let other: Lab | null = null;
  try {
    const storage = join(small, "disks");
    mkdirSync(storage);
    other = await openLab({ storage });
    const previous = { lab, app };
    [lab, app] = [other, other.app];
    try {
      const path = join(folder, "template2.qcow2");
      copyFileSync(image, path);
      const id = await app.registerTemplate(path);
      const slow = await app.registerTemplate(join(folder, "slow.raw"), { name: "Slow" });
      // Too large for what is free: refused before anything is written.
      const refused = await app.api("POST", "/guests", {
        name: "toobig",
        templateId: slow,
        vcpus: 1,
        memoryMiB,
      });
      expect(refused.status).toBe(409);
      const { task, guests } = await createIntoFull(id, join(small, "filler"));
      expectFailure(await app.ended(task.id));
      rmSync(join(small, "filler"));
      await nothingIsLeft();
      await failedRow(guests[0]?.uuid ?? "");
      await freeOnNode(200);
      templateId = id;
      await secondTryWorks("full");
    } finally {
      ({ lab, app } = previous);
    }
  } finally {
    await other?.close();
    await run(["umount", "-l", small]).catch(() => undefined);
    rmSync(small, { recursive: true, force: true });
  }
}, 600_000);
