/**
 * What a node does to the kernel's list of reserved ports, on the real kernel: each process here has a network
 * namespace of its own, and so a list of its own.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { reservedPortsFile } from "../../src/plugins/nodes/reserved-ports.ts";

const source = join(import.meta.dir, "../../src/plugins/nodes/reserved-ports.ts");

/** Runs shell commands in a namespace where `reserve RANGES` is the node's own function; what they say. */
async function inNamespace(commands: string): Promise<string> {
  const program = `import { reservePorts } from ${JSON.stringify(source)};
    console.log(String(await reservePorts(process.argv.at(-1))));`;
  const script = `set -e; F=${reservedPortsFile}; reserve() { "$BUN" -e "$PROGRAM" "$1"; }; ${commands}`;
  const child = Bun.spawn(["unshare", "--net", "--mount", "bash", "-c", script], {
    cwd: join(import.meta.dir, "../.."),
    env: { ...process.env, BUN: process.execPath, PROGRAM: program },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${code}: ${errors}`);
  return out.trim();
}

const vnc = "15900-19899,49152-49215";

test("ports are added to what others reserved, once, and nothing is taken away", async () => {
  const said = await inNamespace(`
    echo 8080,9000-9100,16000 > $F; reserve ${vnc}; cat $F
    reserve ${vnc}; cat $F
    reserve 15900-15999; cat $F`);
  const whole = "8080,9000-9100,15900-19899,49152-49215";
  expect(said.split("\n")).toEqual(["null", whole, "null", whole, "null", whole]);
}, 30_000);

test("a list longer than the kernel takes at once stays whole", async () => {
  const said = await inNamespace(`
    exec 3> $F; for port in $(seq 1025 2 9999); do echo $port >&3; done
    before=$(cat $F); reserve ${vnc}
    [ "$(cat $F)" = "$before,${vnc}" ] && echo whole`);
  expect(said.split("\n")).toEqual(["null", "whole"]);
}, 30_000);

test("a kernel does not give reserved ports to outgoing connections", async () => {
  const said = await inNamespace(`
    ip link set lo up; echo "15900 15903" > /proc/sys/net/ipv4/ip_local_port_range
    reserve 15900-15902
    perl -MIO::Socket::INET -e '
      my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1, Proto => "tcp"); print $s->sockport;'`);
  expect(said.split("\n")).toEqual(["null", "15903"]);
}, 30_000);

test("what can't be written is told", async () => {
  const said = await inNamespace(`
    mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; reserve ${vnc}`);
  expect(said).toContain("EROFS");
}, 30_000);
