/** The lab itself: machines with a libvirtd each, between which a running guest can move, and their faults. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/client.ts";
import { startTimeOf } from "../support/processes.ts";
import { LabNode } from "./node.ts";
import { Room } from "./room.ts";

let room: Room;
let one: LabNode;
let two: LabNode;

beforeAll(async () => {
  room = await Room.open();
  [one, two] = await Promise.all([LabNode.open(room, "node-1", 11), LabNode.open(room, "node-2", 12)]);
}, 60_000);
afterAll(() => room?.close());

/** A guest with nothing but memory and a disk in the shared folder: it only has to be there. */
async function startGuest(node: LabNode, name: string): Promise<void> {
  const disk = `/srv/shared/${name}.qcow2`;
  await node.machine.run("qemu-img", "create", "-q", "-f", "qcow2", disk, "64M");
  const file = join(node.machine.folder, `srv/${name}.xml`);
  await Bun.write(
    file,
    `<domain type="qemu"><name>${name}</name><memory unit="MiB">256</memory><vcpu>1</vcpu>
      <os><type arch="x86_64">hvm</type></os>
      <devices>
        <disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
          <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>
      </devices></domain>`,
  );
  await node.virsh("define", file);
  await node.virsh("start", name);
}

/** Whether a machine's packets come back from another. */
function reaches(from: LabNode, to: LabNode, tries = 1): Promise<boolean> {
  return from.machine
    .run(
      "bash",
      "-c",
      `for i in $(seq ${tries}); do
      timeout 0.5 bash -c '</dev/tcp/${to.address}/16509' 2>/dev/null && exit 0; done; exit 1`,
    )
    .then(
      () => true,
      () => false,
    );
}

test("machines have names, ids and networks of their own, and reach each other", async () => {
  expect(await two.machine.run("hostname")).toBe("node-2\n");
  const ids = await Promise.all([one, two].map((node) => node.machine.run("cat", "/etc/machine-id")));
  expect(ids[0]).not.toBe(ids[1]);
  const uuid = /<uuid>(.*)<\/uuid>/;
  const hosts = await Promise.all([one, two].map((node) => node.virsh("capabilities")));
  expect(uuid.exec(hosts[0] ?? "")?.[1]).not.toBe(uuid.exec(hosts[1] ?? "")?.[1]);
  expect(await one.machine.run("virsh", "-q", "-c", "qemu+tcp://node-2/system", "hostname")).toBe("node-2\n");
  expect(await two.machine.run("ls", "/sys/class/net")).toBe("eth0\nlo\n");
});

test("a running guest moves from one to the other, and outlives libvirtd there", async () => {
  await startGuest(one, "moving");
  expect(await one.qemuPid("moving")).toBeGreaterThan(1);
  // The folder is shared, which libvirt can't see: "unsafe".
  const options = ["--live", "--p2p", "--persistent", "--undefinesource", "--unsafe"];
  await one.virsh("migrate", ...options, "moving", two.migrationUri, "--migrateuri", `tcp://${two.address}`);
  expect((await two.virsh("domstate", "moving")).trim()).toBe("running");
  expect((await one.virsh("list", "--all", "--name")).trim()).toBe("");
  expect(await one.qemuPid("moving")).toBeNull();
  const qemu = await two.qemuPid("moving");
  await two.restartLibvirtd("SIGKILL");
  expect((await two.virsh("domstate", "moving")).trim()).toBe("running");
  expect(await two.qemuPid("moving")).toBe(qemu);
  await two.virsh("destroy", "moving");
}, 60_000);

test("a killed QEMU leaves no zombie: its guest counts as crashed", async () => {
  await startGuest(one, "killed");
  const pid = (await one.qemuPid("killed")) ?? 0;
  process.kill(pid, "SIGKILL");
  await until("the process is reaped", 10_000, () => startTimeOf(pid) === "");
  await until("libvirt has heard", 10_000, async () =>
    (await one.virsh("domstate", "--reason", "killed")).includes("crashed"),
  );
}, 30_000);

test("a program can be halted, continued, killed and started", async () => {
  const program = one.machine.program("ticks", ["sh", "-c", "while :; do echo tick; sleep 0.01; done"]);
  const grows = (): (() => boolean) => {
    const { length } = program.output;
    return () => program.output.length > length;
  };
  await program.start();
  await until("it ticks", 5_000, () => program.output !== "");
  program.stop();
  await until("it is halted", 5_000, async () => {
    const grew = grows();
    await Bun.sleep(50);
    return !grew();
  });
  expect(program.runs).toBe(true);
  program.cont();
  await until("it ticks again", 5_000, grows());
  program.stop();
  await program.kill();
  expect(program.runs).toBe(false);
  await program.start();
  await until("it ticks anew", 5_000, grows());
  await program.kill("SIGTERM");
});

test("a machine is cut off and comes back, and packets get lost", async () => {
  expect(await reaches(one, two)).toBe(true);
  await one.machine.cut();
  expect(await reaches(one, two)).toBe(false);
  expect(await two.machine.run("cat", "/sys/class/net/eth0/carrier")).toBe("1\n");
  await one.machine.heal();
  expect(await reaches(one, two, 10)).toBe(true);
  await two.machine.loss(100);
  expect(await reaches(one, two)).toBe(false);
  await two.machine.loss(0);
  expect(await reaches(one, two, 10)).toBe(true);
}, 30_000);

test("nothing but a folder stays of a lab whose test was killed, and the next one removes that", async () => {
  const script = `
    import { LabNode } from ${JSON.stringify(join(import.meta.dir, "node.ts"))};
    import { Room } from ${JSON.stringify(join(import.meta.dir, "room.ts"))};
    const room = await Room.open();
    const node = await LabNode.open(room, "node-1", 11);
    console.log(JSON.stringify({ folder: room.folder, pid: node.libvirtd.pid, cable: room.cable }));
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn(["bun", "-e", script], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const left = JSON.parse(new TextDecoder().decode(value)) as { folder: string; pid: number; cable: string };
  const startTime = startTimeOf(left.pid);
  expect(startTime).not.toBe("");
  expect(existsSync(`/sys/class/net/${left.cable}`)).toBe(true);
  child.kill("SIGKILL");
  await child.exited;
  await until("its processes are gone", 10_000, () => startTimeOf(left.pid) !== startTime);
  await until("its network is gone", 10_000, () => !existsSync(`/sys/class/net/${left.cable}`));
  expect(existsSync(left.folder)).toBe(true);
  await (await Room.open()).close();
  expect(existsSync(left.folder)).toBe(false);
}, 60_000);
