/**
 * A real controller with chosen plugins on a store in memory, a web that answers in memory and a clock that the
 * test turns. The test itself plays the nodes: it sends their reports and sees their commands.
 */
import { Controller } from "../../src/core/controller.ts";
import { accessService } from "../../src/core/http/access-service.ts";
import { type Lab, makeLab } from "../../src/core/http/testing/lab.ts";
import { silentLog } from "../../src/core/log/log.ts";
import { coreMigrations } from "../../src/core/migrations.ts";
import type { Plugin } from "../../src/core/plugin.ts";
import type { Command, ReportBody, TaskCommand } from "../../src/core/road/contract.ts";
import { LocalRoad } from "../../src/core/road/local.ts";
import { leaderLease } from "../../src/core/store/index.ts";
import { taskWords } from "../../src/core/tasks/words.ts";
import { Vault } from "../../src/core/vault.ts";
import { loadedPlugins, setupCode, setupHost } from "../../src/plugins/program.ts";
import { uiWords } from "../../src/ui/index.ts";

export const rightCode = "RIGHTCODE1";

/** What a healthy node with two processors says of itself. */
export const heartbeat = {
  facts: {
    hostname: "kvm-1",
    cpus: 2,
    cpuModel: "Test CPU",
    memoryMiB: 8192,
    freeMemoryMiB: 4096,
    load1: 0.5,
    libvirtVersion: "9.0.0",
    qemuVersion: "7.2.0",
    acceleration: {
      virtType: "qemu",
      missing: ["cpuFlags"],
      emulator: "/usr/bin/qemu-system-x86_64",
      machine: "pc",
      arch: "x86_64",
      cpuMode: null,
      maxVcpus: 255,
    },
  },
  load: { cpuPercent: 10, load1: 0.5, memoryMiB: 8192, availableMemoryMiB: 4096, uptimeSeconds: 60 },
  hypervisor: { connected: true, since: 1, reason: null },
  lanes: [{ name: "short-1", state: "ok", lastTurnAt: 1, queueLength: 0, call: null, since: null }],
  lamps: [{ name: "tasks", state: "ok", lastTurnAt: null, queueLength: 0, call: null, since: null }],
  pool: null,
  networks: [],
  bridges: ["br0"],
  ports: { ephemeralFirst: 32768, ephemeralLast: 60999, listening: [] },
};

export interface Stage extends Lab {
  controller: Controller;
  /** A node's report, applied when this resolves. */
  report(kind: string, body: ReportBody, node?: string): Promise<void>;
  /** The task command that was sent to a node, waited for. */
  command(kind: string): Promise<TaskCommand>;
  /** What nodes were asked to report about, in order. */
  asks: { topic: string; key: string }[];
  /** The node ends a task. */
  end(command: TaskCommand, body: ReportBody): Promise<void>;
}

export async function makeStage(plugins: readonly Plugin[]): Promise<Stage> {
  const lab = await makeLab();
  const { store, clock, web, words } = lab;
  await store.migrate([
    ...coreMigrations,
    ...plugins.flatMap(({ name, migrations }) => (migrations ? [{ name, migrations }] : [])),
  ]);
  for (const list of [uiWords, taskWords]) words.add(list);
  for (const plugin of plugins) if (plugin.words) words.add(plugin.words);
  const road = new LocalRoad(clock);
  const epoch = await store.leases.acquire(leaderLease, "test", 365 * 24 * 3_600_000);
  if (!epoch) throw new Error("the lease is taken");
  const controller = new Controller({
    store,
    clock,
    road: road.controller,
    log: silentLog,
    vault: Vault.random(),
    web,
    clusterId: "test",
    leadership: {
      epoch: () => epoch,
      onChange(listener) {
        listener(epoch);
        return () => {};
      },
    },
  });
  controller.provide(accessService, web.access);
  controller.provide(setupCode, { check: (code) => code === rightCode });
  controller.provide(setupHost, {
    version: "0.0.0-test",
    localNode: "kvm-1",
    storagePath: "/var/lib/jimv/disks",
    road: () => road.controller.status(),
  });
  controller.provide(loadedPlugins, plugins);
  await controller.start(plugins);

  const commands: TaskCommand[] = [];
  const asks: { topic: string; key: string }[] = [];
  const hear = (command: Command): void => {
    if (command.type === "task") commands.push(command);
    if (command.type === "ask") asks.push({ topic: command.topic, key: command.key });
  };
  const ends = new Map<string, ReturnType<LocalRoad["node"]>>();
  let sequence = 0;
  const deliver = async (kind: string, body: ReportBody, node: string): Promise<void> => {
    sequence++;
    const identity = { node, machine: node, generation: "g1", sequence, after: 0, key: null, incarnation: 1 };
    await ends.get(node)?.deliver([{ ...identity, at: clock.now(), kind, body }]);
  };
  const report = async (kind: string, body: ReportBody, node = "kvm-1"): Promise<void> => {
    if (!ends.has(node)) {
      const end = road.node(node);
      end.onCommand(hear);
      ends.set(node, end);
      const identity = {
        name: node,
        machineId: node,
        publicKey: "none",
        version: "0.0.0-test",
        features: [],
      };
      await deliver("hello", { ...identity, running: [] }, node);
    }
    await deliver(kind, body, node);
  };
  return {
    ...lab,
    controller,
    report,
    asks,
    async command(kind) {
      for (let tries = 0; tries < 200; tries++) {
        const at = commands.findIndex((command) => command.kind === kind);
        const [found] = at < 0 ? [] : commands.splice(at, 1);
        if (found) return found;
        await Bun.sleep(5);
      }
      throw new Error(`no task "${kind}" was sent`);
    },
    end: ({ id, fence }, body) => report("task.ended", { id, fence, error: null, leftovers: false, ...body }),
    async stop() {
      await controller.stop();
      await lab.stop();
    },
  };
}
