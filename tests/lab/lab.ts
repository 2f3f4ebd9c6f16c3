/** A whole cluster on one machine: controllers, nodes, MariaDB and Redis, and all that can go wrong with them. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { executable } from "../support/app.ts";
import { Client, until } from "../support/client.ts";
import { run } from "../support/processes.ts";
import type { Machine } from "./machine.ts";
import { LabNode } from "./node.ts";
import type { Program } from "./program.ts";
import { Room } from "./room.ts";
import { Services } from "./services.ts";

const startMilliseconds = 60_000;
const port = 8008;
/** The last parts of addresses: 1 is the test itself. */
const hosts = { services: 2, controller: 4, node: 10 } as const;
const data = "/srv/jimv";
const fakeClock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

export interface ClusterOptions {
  /** How many; 3 and 1 by default. */
  nodes?: number;
  controllers?: number;
  /** Also a pool in the folder that all machines share. */
  sharedPool?: boolean;
}

/** A machine with a controller. */
interface ControllerMachine {
  machine: Machine;
  program: Program;
}

/** A machine that runs guests for the cluster. */
interface WorkerMachine {
  node: LabNode;
  /** JimV there. */
  agent: Program;
}

export class Cluster extends Client {
  /** Number of the controller that is asked. */
  private asked = 0;
  /** Of the pool in the shared folder, where there is one. */
  sharedPoolId = "";

  private constructor(
    readonly room: Room,
    readonly services: Services,
    readonly controllers: ControllerMachine[],
    readonly workers: WorkerMachine[],
  ) {
    super();
  }

  /** Brings everything up: nodes have joined and take guests. */
  static async open({
    nodes = 3,
    controllers = 1,
    sharedPool = false,
  }: ClusterOptions = {}): Promise<Cluster> {
    if (!existsSync(executable)) throw new Error(`${executable} is not there: run bun scripts/build.ts`);
    const room = await Room.open();
    try {
      const [services, ...found] = await Promise.all([
        Services.open(room, "services", hosts.services),
        ...range(nodes).map((i) => LabNode.open(room, `node-${i + 1}`, hosts.node + i + 1)),
      ]);
      const cluster = new Cluster(room, services, [], []);
      for (const i of range(controllers)) await cluster.addController(i);
      for (const node of found) cluster.workers.push({ node, agent: cluster.agentOf(node) });
      await Promise.all(cluster.workers.map((worker) => cluster.join(worker)));
      if (sharedPool) await cluster.addSharedPool();
      return cluster;
    } catch (error) {
      await room.close();
      throw error;
    }
  }

  get url(): string {
    return this.urlOf(this.asked);
  }

  urlOf(controller: number): string {
    return `https://${this.room.addressOf(hosts.controller + controller)}:${port}`;
  }

  /** Asks the controllers in turn, as a person would, until one answers. */
  protected override async fetch(path: string, options: RequestInit): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        const patience = AbortSignal.timeout(startMilliseconds / 6);
        return await fetch(`${this.url}${path}`, {
          ...options,
          signal: patience,
          tls: { rejectUnauthorized: false },
        });
      } catch (error) {
        this.asked = (this.asked + 1) % this.controllers.length;
        if (tries >= this.controllers.length) throw error;
      }
    }
  }

  private environment(machine: Machine): Record<string, string> {
    const { storeUrl, redisUrl, password } = this.services;
    return {
      JIMV_DATA: data,
      JIMV_LISTEN: `${machine.address}:${port}`,
      JIMV_STORE_URL: storeUrl,
      JIMV_STORE_PASSWORD: password,
      JIMV_REDIS_URL: redisUrl,
      JIMV_REDIS_PASSWORD: password,
    };
  }

  private async addController(index: number): Promise<void> {
    const machine = await this.room.add(`controller-${index + 1}`, hosts.controller + index);
    const folder = join(machine.folder, data);
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    const environment = this.environment(machine);
    const first = this.controllers[0];
    // All controllers seal with one key.
    if (first) copyFileSync(join(first.machine.folder, data, "master.key"), join(folder, "master.key"));
    else {
      writeFileSync(join(machine.folder, "srv/password"), this.adminPassword, { mode: 0o600 });
      const admin = ["--admin-name", this.adminName, "--admin-password-file", "/srv/password"];
      await run(machine.inside([executable, "setup", ...admin]), environment);
    }
    const program = machine.program("jimv", [executable, "controller"], environment);
    this.controllers.push({ machine, program });
    await this.startController(index);
  }

  /** Starts a controller (again) and waits until it serves. */
  async startController(index: number): Promise<void> {
    const { program } = this.controller(index);
    const from = program.output.length;
    await program.start();
    await until(`controller ${index} serves`, startMilliseconds, () => {
      if (!program.runs) throw new Error(`the controller ended: ${program.output.slice(-2000)}`);
      return program.output.slice(from).includes(" serves http");
    });
  }

  controller(index: number): ControllerMachine {
    const found = this.controllers[index];
    if (!found) throw new Error(`there is no controller ${index}`);
    return found;
  }

  worker(index: number): WorkerMachine {
    const found = this.workers[index];
    if (!found) throw new Error(`there is no node ${index}`);
    return found;
  }

  private agentOf({ machine }: LabNode): Program {
    const clock = existsSync(fakeClock)
      ? {
          LD_PRELOAD: fakeClock,
          FAKETIME_TIMESTAMP_FILE: "/srv/clock",
          FAKETIME_CACHE_DURATION: "1",
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
        }
      : {};
    writeFileSync(join(machine.folder, "srv/clock"), "+0\n");
    const joining = ["--join", this.urlOf(0), "--token-file", "/srv/token"];
    // The variable is for JimV alone, not for nsenter, which enters before there is a machine around it.
    const environment = Object.entries(clock).map(([name, value]) => `${name}=${value}`);
    return machine.program("jimv", ["env", ...environment, executable, "node", ...joining], {
      JIMV_DATA: data,
      JIMV_MANAGEMENT_ADDRESS: machine.address,
    });
  }

  private async join({ node, agent }: WorkerMachine): Promise<void> {
    const { machine } = this.controller(0);
    const token = await run(machine.inside([executable, "token", "join"]), this.environment(machine));
    writeFileSync(join(node.machine.folder, "srv/token"), token, { mode: 0o600 });
    await agent.start();
    await this.nodeIs(node.name, "live", (known) => known.hypervisor?.connected === true);
    await node.listenOverTls();
    await this.nodeIs(node.name, "live", (known) => known.hypervisor?.connected === true);
    const config = {
      storagePath: "/srv/disks",
      bridge: null,
      vncPortFirst: 15900,
      vncPortLast: 16899,
    };
    const { task } = await this.ask<{ task: { id: string } }>(
      "POST",
      `/nodes/${node.name}/configure`,
      config,
    );
    await this.succeeds(task.id);
  }

  /** libvirt can't see that the folder is the same everywhere: the pool says so. */
  private async addSharedPool(): Promise<void> {
    mkdirSync(join(this.room.folder, "shared/pool"), { mode: 0o711 });
    type Made = { pool: { id: string }; tasks: { id: string }[] };
    const wanted = {
      name: "shared",
      kind: "shared",
      path: "/srv/shared/pool",
      nodeNames: this.workers.map(({ node }) => node.name),
      trustedSharedMount: true,
    };
    let made: Made | null = null;
    // On a busy machine a node may be silent for a moment, and is refused.
    await until("the shared pool is made", startMilliseconds, async () => {
      const { status, body } = await this.api<Made>("POST", "/pools", wanted);
      if (status !== 202 && status !== 409) throw new Error(`the pool is refused: ${JSON.stringify(body)}`);
      made = status === 202 ? body : null;
      return made !== null;
    });
    const { pool, tasks } = made as unknown as Made;
    for (const { id } of tasks) await this.succeeds(id);
    this.sharedPoolId = pool.id;
  }

  /** Waits until a task has succeeded. @throws Error with how it ended otherwise */
  async succeeds(task: string, ms?: number): Promise<void> {
    const ended = await this.ended(task, ms);
    if (ended.state !== "succeeded") throw new Error(`task ${task}: ${JSON.stringify(ended)}`);
  }

  /** Waits until a node is so in the API. */
  async nodeIs(name: string, state: string, more: (node: NodeBody) => boolean = () => true): Promise<void> {
    await until(`${name} is ${state}`, startMilliseconds, async () => {
      const { status, body } = await this.api<NodeBody>("GET", `/nodes/${name}`).catch(() => ({
        status: 503,
        body: null,
      }));
      return status === 200 && body !== null && body.state === state && more(body);
    });
  }

  /** Puts a node's clock wrong by so many seconds, for JimV alone; 0 puts it right. */
  setClock(index: number, seconds: number): void {
    if (!existsSync(fakeClock)) throw new Error("libfaketime is missing: apt-get install libfaketime");
    const { machine } = this.worker(index).node;
    writeFileSync(join(machine.folder, "srv/clock"), `${seconds < 0 ? "" : "+"}${seconds}\n`);
  }

  /** All machines, for what concerns the network as a whole. */
  get machines(): Machine[] {
    return [
      this.services.machine,
      ...this.controllers.map(({ machine }) => machine),
      ...this.workers.map(({ node }) => node.machine),
    ];
  }

  /** Loses this share of the packets between any two machines; 0 ends it. */
  async loss(percent: number): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.loss(percent)));
  }

  /** `jimv audit --json` on the first controller. */
  async audit(): Promise<AuditAnswer> {
    const { machine } = this.controller(0);
    const child = Bun.spawn(machine.inside([executable, "audit", "--json"]), {
      env: { ...process.env, ...this.environment(machine) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [text, errors, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (text === "") throw new Error(`jimv audit ended with ${status}: ${errors}`);
    return JSON.parse(text) as AuditAnswer;
  }

  close(): Promise<void> {
    return this.room.close();
  }
}

export interface AuditAnswer {
  findings: { word: string; text: string }[];
  doubts: { word: string; text: string }[];
  seen: Record<string, number>;
}

interface NodeBody {
  state: string;
  hypervisor: { connected: boolean } | null;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
