/** A machine whose libvirtd runs and finds no QEMU: it is told, with what to install. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { probeMachine } from "../../src/core/checks/machine.ts";
import { realClock } from "../../src/core/clock.ts";
import { loadConfig } from "../../src/core/config/config.ts";
import { openHypervisor } from "../../src/core/libvirt/real.ts";
import { PrivateLibvirtd } from "../support/libvirtd.ts";
import { run } from "../support/processes.ts";

setDefaultTimeout(60_000);

const data = mkdtempSync("/var/tmp/jimv-missing-");
let libvirtd: PrivateLibvirtd;

beforeAll(async () => {
  libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
  for (const emulator of ["qemu-system-x86_64", "qemu-system-i386", "qemu-system-aarch64"]) {
    const path = join("/usr/bin", emulator);
    // In libvirtd's namespace alone: what lies there now can't be executed.
    if (existsSync(path)) await run(libvirtd.inNamespace(["mount", "--bind", "/dev/null", path]));
  }
  await libvirtd.kill("SIGTERM");
  await libvirtd.start();
});
afterAll(async () => {
  await libvirtd?.close();
  rmSync(data, { recursive: true, force: true });
});

test("the machine's facts are told all the same, and name no emulator", async () => {
  const hypervisor = await openHypervisor({ uri: libvirtd.uri });
  try {
    const { libvirtVersion, qemuVersion, acceleration } = await hypervisor.host();
    expect(libvirtVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect([qemuVersion, acceleration.emulator]).toEqual(["", ""]);
  } finally {
    await hypervisor.close();
  }
});

test("jimv check says that QEMU is missing, and not that libvirt is", async () => {
  const config = loadConfig({ data }, { JIMV_LIBVIRT_URI: libvirtd.uri });
  const results = await probeMachine(config, realClock);
  const stateOf = (name: string) => results.find((result) => result.name === name);
  expect(stateOf("libvirt")?.state).toBe("ok");
  expect(stateOf("qemu")).toMatchObject({ state: "bad", mend: expect.stringContaining("qemu-system-x86") });
  // Whatever is not as it should be comes with what to do about it.
  for (const result of results)
    if (result.state !== "ok") expect([result.name, result.mend]).not.toEqual([result.name, ""]);
});
