/** Boot jobs on a real disk, through the real libguestfs: one launch of its small machine serves most of what is looked at. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hypervisor } from "jimv";
import { realClock } from "../../src/core/clock.ts";
import { openImages } from "../../src/core/libvirt/images.ts";
import type { Appliance } from "../../src/plugins/boot-jobs/appliance.ts";
import { carryOut } from "../../src/plugins/boot-jobs/carrying.ts";
import { guestfishAppliance, quoted } from "../../src/plugins/boot-jobs/guestfish.ts";
import type { Plan } from "../../src/plugins/boot-jobs/plan.ts";
import { libguestfsGround } from "../support/libguestfs.ts";

setDefaultTimeout(570_000);

/** Everything that a shell, a script of guestfish or a replacement would read as its own. */
const password = `pa'ss "$(touch /tmp/broken)" \`id\` \\ & ; $& {HOSTNAME}\nsecond`;

let folder: string;
let appliance: Appliance;
let launches = 0;
const disk = () => join(folder, "guest.qcow2");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "jimv-boot-jobs-"));
  Object.assign(process.env, await libguestfsGround(folder));
  // Emulated everywhere, so that the test is the same with and without KVM.
  const hypervisor = {
    host: async () => ({ acceleration: { virtType: "qemu" } }),
    images: openImages(),
  } as unknown as Hypervisor;
  const real = guestfishAppliance({ hypervisor, clock: realClock });
  appliance = {
    end: real.end,
    open(guest) {
      launches++;
      return real.open(guest);
    },
  };
});
afterAll(async () => {
  await appliance?.end("guest");
  rmSync(folder, { recursive: true, force: true });
});

const plan = (jobs: Plan["jobs"]): Plan => ({
  guest: "guest",
  isWindows: false,
  disks: [{ path: disk(), format: "qcow2" }],
  jobs,
  values: {
    PASSWORD: { value: password, isSecret: true },
    HOSTNAME: { value: "web-1", isSecret: false },
  },
});
const carry = (jobs: Plan["jobs"], signal = new AbortController().signal) =>
  carryOut(plan(jobs), { appliance, signal, progress() {} });
const job = (id: string, rules: Plan["jobs"][number]["rules"]) => ({ id, name: id, staysOff: false, rules });

test("rules change a real disk, in one launch, and values are data", async () => {
  const odd = `/srv/it's "$HOME" ä\\b`;
  const jobs = [
    job("one", [
      { kind: "write", path: "/etc/hostname", content: "{HOSTNAME}\n", mode: null },
      { kind: "write", path: "/etc/secret", content: "{PASSWORD}", mode: "0600" },
      { kind: "append", path: "/etc/hosts", content: "10.0.0.1 {HOSTNAME}\n", mode: null },
      { kind: "write", path: odd, content: "odd", mode: null },
      {
        kind: "run",
        path: null,
        content: `printf '%s' {PASSWORD} >/etc/said; cat /etc/hostname; echo "it was {PASSWORD}"`,
        mode: null,
      },
    ]),
    job("two", [{ kind: "append", path: "/etc/hosts", content: "10.0.0.2 b\n", mode: null }]),
    job("three", [{ kind: "run", path: null, content: "echo sorry; exit 4", mode: null }]),
  ];
  const outcomes = await carry(jobs);
  expect(launches).toBe(1);
  expect(outcomes.map(({ state, word, args }) => [state, word, args])).toEqual([
    ["done", null, {}],
    ["done", null, {}],
    ["failed", "boot-jobs.commandFailed", { rule: 1, code: 4 }],
  ]);
  expect(outcomes[0]?.log).toContain("5. run: exit code 0\nweb-1\nit was ••••");
  expect(outcomes[2]?.log).toContain("sorry");

  // The next boot sees what is on the disk. The same jobs once more change nothing, and one without a system fails clearly.
  const seen = await carry([
    ...jobs,
    job("look", [
      {
        kind: "run",
        path: null,
        content:
          `cat /etc/hosts; test "$(cat /etc/said; echo x)" = "$(printf '%s' {PASSWORD}; echo x)" && echo same; cat ${JSON.stringify(odd).replaceAll("$", "\\$")}; ls /tmp; ls /.autorelabel; ls -l /etc/secret /etc/hostname`.replaceAll(
            "ls ",
            "busybox ls ",
          ),
        mode: null,
      },
      { kind: "write", path: "/etc/hostname/in/a/file", content: "x", mode: null },
    ]),
  ]);
  expect(seen.slice(0, 3)).toEqual(outcomes);
  expect(seen[3]?.log).toContain("127.0.0.1 localhost\n10.0.0.1 web-1\n10.0.0.2 b\nsame\nodd");
  expect(seen[3]?.log).not.toContain("broken");
  expect(seen[3]?.log).toMatch(/-rw-------.*secret/);
  // Files were changed, so that a guest with SELinux labels them at its next boot.
  expect(seen[3]?.log).toContain("/.autorelabel");
  // A file that was there keeps its permissions.
  expect(seen[3]?.log).toMatch(/-rw-r-----.*hostname/);
  expect(seen[3]).toMatchObject({ state: "failed", word: "boot-jobs.guestfsFailed" });
});

test("what a guest put in the place of a small file is not taken for one, and no value stays in it", async () => {
  const uuid = "guest";
  const { signal } = new AbortController();
  const session = await appliance.open({ uuid, disks: [{ path: disk(), format: "qcow2" }], signal });
  const { code, output } = await session.command({
    text: [
      "mknod /pipe p && mknod /zero c 1 5 && ln -s /zero /to-zero && ln -s /pipe /to-pipe",
      "busybox head -c 65536 /dev/zero | tr '\\0' x >/longest && cp /longest /longer && echo >>/longer",
      'echo "$JIMV_PASSWORD"',
      "sync && kill -9 $$",
    ]
      .join("\n")
      .replaceAll(/(mknod|tr|cp) /g, "busybox $1 "),
    values: { JIMV_PASSWORD: "kept in memory alone" },
  });
  expect(code).toBe(137);
  expect(output).toStartWith("kept in memory alone\n");
  for (const path of ["/pipe", "/zero", "/to-zero", "/to-pipe", "/etc", "/longer"])
    expect([path, await session.read(path)]).toEqual([path, null]);
  expect((await session.read("/longest"))?.length).toBe(64 * 1024);
  await session.sync();
  await appliance.end(uuid);
  // Compressed clusters would hide it; this disk has none.
  expect(Bun.spawnSync(["grep", "-a", "-c", "kept in memory alone", disk()]).stdout.toString().trim()).toBe(
    "0",
  );
});

test.skipIf(process.env.JIMV_LONG !== "1")(
  "what is left by a killed process is ended before the disk is used again",
  async () => {
    const session = await appliance.open({
      uuid: "guest",
      disks: [{ path: disk(), format: "qcow2" }],
      signal: new AbortController().signal,
    });
    expect(session.system).toBe("linux");
    const leader = readFileSync("/run/jimv/boot-jobs/guest/session", "utf8").split(" ")[0] ?? "";
    expect(await holders()).toBeGreaterThan(0);
    await appliance.end("guest");
    expect(await Bun.file(`/proc/${leader}/stat`).exists()).toBe(false);
    expect(await holders()).toBe(0);
  },
);

/** How many processes have the disk open. */
async function holders(): Promise<number> {
  const { stdout } = Bun.spawnSync([
    "sh",
    "-c",
    'ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c "$1$"',
    "sh",
    disk(),
  ]);
  return Number(stdout.toString());
}

test("names are quoted for guestfish byte by byte", () => {
  expect(quoted(`a"\\ä\n$`)).toBe('"a\\x22\\x5c\\xc3\\xa4\\x0a\\x24"');
});
