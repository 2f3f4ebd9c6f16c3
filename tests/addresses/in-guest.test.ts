/**
 * The scripts of a live replacement on a real kernel's network, in namespaces that stand for the guest: what they
 * leave, and what they say, when they are run again, in another order, or after the guest has booted.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { applyScript, backScript, codes, keepScript } from "../../src/plugins/addresses/in-guest.ts";

setDefaultTimeout(60_000);

const mac = "52:54:00:00:00:01";
/** A card `eth0` with hardware behind it, in a kernel of its own as far as networks go; nothing of it outlives the shell. */
const ground = `set -e
mount -t tmpfs none /run
ip link add eth0 address ${mac} type veth peer name other
ip link set eth0 up
ip link set other up
ip addr add 192.0.2.10/24 dev eth0
ip route add default via 192.0.2.1
mount -t tmpfs none /sys/class/net
mkdir -p /sys/class/net/eth0/device
echo ${mac} >/sys/class/net/eth0/address
set +e
apply() { sh -c "$APPLY" sh id ${mac} 192.0.2.10/24 192.0.2.11/24 192.0.2.2 "$1"; echo "apply $?"; }
keep() { sh -c "$KEEP" sh id; echo "keep $?"; }
back() { sh -c "$BACK" sh id; echo "back $?"; }
has() { echo $(ip -4 -o addr show dev eth0 | awk '{ print $4 }') via $(ip route show default | awk '{ print $3 }'); }
boot() { rm -rf /run/jimv-address-id; ip addr flush dev eth0; ip addr add "$1" dev eth0; ip route add default via 192.0.2.1; }
`;

async function story(...steps: string[]): Promise<string[]> {
  const child = Bun.spawn(["unshare", "-mnpf", "sh", "-c", `${ground}\n${steps.join("\n")}`], {
    env: { ...process.env, APPLY: applyScript, KEEP: keepScript, BACK: backScript },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(child.stdout).text();
  return output.trim().split("\n");
}
const [old, now] = ["192.0.2.10/24 via 192.0.2.1", "192.0.2.11/24 via 192.0.2.2"];

test("applied and kept, it stays, whoever comes again", async () => {
  expect(await story("apply 60", "has", "keep", "apply 60", "keep", "back", "has")).toEqual([
    "apply 0",
    now,
    "keep 0",
    "apply 0",
    "keep 0",
    `back ${codes.tooLate}`,
    now,
  ]);
});

test("taken back, by the node or by its timer, it can't be kept, but tried anew", async () => {
  expect(await story("apply 60", "back", "has", "keep", "back", "apply 60", "has", "keep")).toEqual([
    "apply 0",
    "back 0",
    old,
    `keep ${codes.tooLate}`,
    "back 0",
    "apply 0",
    now,
    "keep 0",
  ]);
  const timer = "while [ ! -L /run/jimv-address-id/decision ]; do sleep 0.05; done; sleep 0.2";
  expect(await story("apply 1", timer, "keep", "has")).toEqual(["apply 0", `keep ${codes.tooLate}`, old]);
});

test("after a boot there is nothing to keep or to take back", async () => {
  expect(await story("apply 60", "boot 192.0.2.10/24", "keep", "back", "has")).toEqual([
    "apply 0",
    `keep ${codes.nothingHere}`,
    `back ${codes.nothingHere}`,
    old,
  ]);
});

test("a guest whose boot has set the new address up is left alone, and can't be taken back", async () => {
  expect(await story("boot 192.0.2.11/24", "apply 60", "back", "keep", "has")).toEqual([
    "apply 0",
    `back ${codes.tooLate}`,
    "keep 0",
    "192.0.2.11/24 via 192.0.2.1",
  ]);
});
