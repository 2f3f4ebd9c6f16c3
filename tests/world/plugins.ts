/** The plugins below guests and disks, pretended: their rows are what the scenario says. And a web that nobody visits. */
import { definePlugin, type Plugin, type Statement, type WebDesk } from "jimv";
import { addressesPlugin } from "../../src/plugins/addresses/index.ts";
import { disksPlugin } from "../../src/plugins/disks/index.ts";
import { guestsPlugin } from "../../src/plugins/guests/index.ts";
import { migrationPlugin } from "../../src/plugins/migration/index.ts";
import type { MovableNode } from "../../src/plugins/migration/needs.ts";
import { maintenanceEnded, nodeService } from "../../src/plugins/nodes/index.ts";
import { poolsPlugin } from "../../src/plugins/pools/index.ts";
import { type Template, templatesPlugin } from "../../src/plugins/templates/index.ts";

/** A node as scenarios change it: with the storage folder that the pool `local` is made of. */
export interface PretendedNode extends MovableNode {
  storage: { poolName: string; path: string; capacityBytes: number; availableBytes: number } | null;
}

export interface Inventory {
  nodes: Map<string, PretendedNode>;
}

/** A web that takes every registration and serves nobody. */
export const silentWeb: WebDesk = new Proxy({} as WebDesk, { get: () => () => () => {} });

export function pluginsOf(inventory: Inventory): Plugin[] {
  const nodes = definePlugin({
    name: "nodes",
    controller(context) {
      const service = {
        list: async () => [...inventory.nodes.values()],
        storages: async () => [...inventory.nodes.values()],
        heardOf: async (names: readonly string[]) =>
          new Set(names.filter((name) => (inventory.nodes.get(name)?.state ?? "offline") !== "offline")),
        get: async (name: string) => inventory.nodes.get(name) ?? null,
        async change(
          name: string,
          { maintenance }: { maintenance: boolean },
          along: readonly Statement[] = [],
        ) {
          const statements = [...along];
          if (!maintenance) await context.hooks.run(maintenanceEnded, { node: name, statements });
          // At once, as if one batch wrote both.
          Object.assign(inventory.nodes.get(name) ?? {}, { maintenance });
          await context.commit(statements);
        },
      };
      context.provide(nodeService, service as never);
    },
  });
  const tasks = definePlugin({ name: "tasks" });
  return [
    nodes,
    tasks,
    poolsPlugin,
    templatesPlugin,
    disksPlugin,
    guestsPlugin,
    migrationPlugin,
    addressesPlugin,
  ];
}

const bytesPerMiB = 1024 ** 2;

export function pretendedNode(name: string, change: Partial<PretendedNode> = {}): PretendedNode {
  return {
    name,
    state: "live",
    acceptsGuests: true,
    configured: true,
    facts: {
      hostname: name,
      cpus: 8,
      cpuModel: "pretended",
      memoryMiB: 65_536,
      freeMemoryMiB: 65_536,
      load1: 0,
      libvirtVersion: "9.0.0",
      qemuVersion: "7.2.0",
      acceleration: {
        virtType: "kvm",
        missing: [],
        emulator: "/usr/bin/qemu-system-x86_64",
        machine: "q35",
        arch: "x86_64",
        cpuMode: "host-model",
        maxVcpus: 64,
      },
    },
    hypervisor: { connected: true, reason: null },
    managementAddress: name,
    networks: [{ name: "jimv", active: true }],
    bridges: [],
    storage: {
      poolName: "jimv",
      path: "/storage",
      capacityBytes: 4096 * 1024 * bytesPerMiB,
      availableBytes: 4096 * 1024 * bytesPerMiB,
    },
    network: { network: "jimv" },
    vnc: { first: 15900, last: 15999, listen: "127.0.0.1" },
    ...change,
  };
}

export function pretendedTemplate(change: Partial<Template> = {}): Template {
  const id = change.id ?? "debian";
  return {
    id,
    name: id,
    nameKey: id,
    path: "/images/debian.qcow2",
    nodeName: "node-1",
    osFamily: "linux",
    isWindows: false,
    defaultSizeGiB: 4,
    icon: "debian",
    init: "cloud-init",
    userName: "root",
    state: "ready",
    refusedWord: null,
    refusedArgs: null,
    format: "qcow2",
    virtualSizeBytes: 2 * 1024 * bytesPerMiB,
    actualSizeBytes: 500 * bytesPerMiB,
    fileSizeBytes: 500 * bytesPerMiB,
    othersRead: false,
    checkedAt: 0,
    uses: 0,
    createdAt: 0,
    ...change,
  };
}
