/**
 * A whole Ceph of one monitor, one manager and one OSD that keeps everything in memory: real daemons, ready in
 * seconds. It has one pool, and one user who may use only that.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./app.ts";
import { markedProcess, processMark, run } from "./processes.ts";

const prefix = "jimv-test-ceph-";
const startMilliseconds = 60_000;
/** What the OSD says that it has room for; its memory is taken only as it is used. */
const roomBytes = 4 * 1024 ** 3;

export class TestCeph {
  readonly pool = "guests";
  readonly user = "jimv";
  key = "";
  private readonly daemons = new Map<string, Bun.Subprocess>();

  private constructor(
    private readonly folder: string,
    private readonly address: string,
  ) {}

  get monitor(): string {
    return `${this.address}:6789`;
  }

  /** Daemons on an address of this machine's, with the usual port: clients guess the protocol by it. */
  static async open(address: string): Promise<TestCeph> {
    sweep();
    const folder = mkdtempSync(join(tmpdir(), prefix));
    writeFileSync(join(folder, "owner"), processMark(process.pid));
    const ceph = new TestCeph(folder, address);
    try {
      await ceph.make();
      return ceph;
    } catch (error) {
      await ceph.close();
      throw error;
    }
  }

  private at(name: string): string {
    return join(this.folder, name);
  }

  /** Runs one of Ceph's own commands as its administrator. */
  run(...command: string[]): Promise<string> {
    return run(command, { CEPH_CONF: this.at("ceph.conf") });
  }

  /** A user's key; there is one more, `stranger`, who may do nothing. */
  async keyOf(user: string): Promise<string> {
    return (await this.run("ceph", "auth", "print-key", `client.${user}`)).trim();
  }

  /** Names of the pool's images. */
  async images(): Promise<string[]> {
    const listed = await this.run("rbd", "ls", this.pool);
    return listed.split("\n").filter((line) => line !== "");
  }

  private async make(): Promise<void> {
    const fsid = crypto.randomUUID();
    for (const name of ["mon", "osd", "mgr"]) mkdirSync(this.at(name));
    const lines = [
      `fsid = ${fsid}`,
      `mon_host = v1:${this.monitor}`,
      "mon_initial_members = a",
      `public_addr = ${this.address}`,
      `cluster_addr = ${this.address}`,
      "ms_bind_msgr2 = false",
      "auth_allow_insecure_global_id_reclaim = false",
      // One copy of everything is enough for a test.
      "osd_pool_default_size = 1",
      "osd_pool_default_min_size = 1",
      "osd_crush_chooseleaf_type = 0",
      "mon_allow_pool_size_one = true",
      "osd_objectstore = memstore",
      `memstore_device_bytes = ${roomBytes}`,
      `keyring = ${this.at("keyring")}`,
      `mon_data = ${this.at("mon")}`,
      `osd_data = ${this.at("osd")}`,
      `mgr_data = ${this.at("mgr")}`,
      "mgr_initial_modules =",
      `run_dir = ${this.folder}`,
      `admin_socket = ${this.at("$name.asok")}`,
      `log_file = ${this.at("$name.log")}`,
      `pid_file = ${this.at("$name.pid")}`,
    ];
    writeFileSync(this.at("ceph.conf"), `[global]\n${lines.join("\n")}\n`);
    const keyring = this.at("keyring");
    const admin = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"];
    await this.run(
      "ceph-authtool",
      "--create-keyring",
      keyring,
      "--gen-key",
      "-n",
      "mon.",
      "--cap",
      "mon",
      "allow *",
    );
    await this.run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", ...admin);
    const map = this.at("monmap");
    await this.run("monmaptool", "--create", "--addv", "a", `[v1:${this.monitor}]`, "--fsid", fsid, map);
    await this.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map, "--keyring", keyring);
    this.start("mon", "ceph-mon", "-i", "a", "-f");
    const osd = crypto.randomUUID();
    await this.run("ceph", "--connect-timeout", "30", "osd", "new", osd);
    await this.keep("osd.0", "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *");
    await this.keep("mgr.x", "mon", "allow profile mgr", "osd", "allow *", "mds", "allow *");
    await this.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd);
    this.start("mgr", "ceph-mgr", "-i", "x", "-f");
    this.start("osd", "ceph-osd", "-i", "0", "-f");
    await this.run("ceph", "osd", "pool", "create", this.pool, "8");
    await this.run("ceph", "osd", "pool", "application", "enable", this.pool, "rbd");
    const rights = ["mon", "profile rbd", "osd", `profile rbd pool=${this.pool}`];
    await this.run("ceph", "auth", "get-or-create", `client.${this.user}`, ...rights);
    this.key = await this.keyOf(this.user);
    await this.run("ceph", "auth", "get-or-create", "client.stranger");
    // The pool's size comes from the manager, which tells of it once it has heard from the OSD.
    await until("Ceph knows how large the pool is", startMilliseconds, async () => {
      const { pools = [] } = JSON.parse(await this.run("ceph", "df", "--format", "json"));
      return pools.some((pool: { stats: { max_avail: number } }) => pool.stats.max_avail > 0);
    });
  }

  private async keep(name: string, ...rights: string[]): Promise<void> {
    const made = await this.run("ceph", "auth", "get-or-create", name, ...rights);
    const file = this.at("keyring");
    writeFileSync(file, `${await Bun.file(file).text()}${made}`);
  }

  private start(name: string, ...command: string[]): void {
    const daemon = Bun.spawn(command, {
      env: { ...process.env, CEPH_CONF: this.at("ceph.conf") },
      stdin: "ignore",
      stdout: Bun.file(this.at(`${name}.out`)),
      stderr: Bun.file(this.at(`${name}.out`)),
    });
    writeFileSync(this.at(`${name}.mark`), processMark(daemon.pid));
    this.daemons.set(name, daemon);
  }

  /** Stops all daemons where they are, or lets them go on: a Ceph that does not answer. */
  hang(now: boolean): void {
    for (const daemon of this.daemons.values()) daemon.kill(now ? "SIGSTOP" : "SIGCONT");
  }

  async close(): Promise<void> {
    for (const daemon of this.daemons.values()) daemon.kill("SIGKILL");
    await Promise.all([...this.daemons.values()].map((daemon) => daemon.exited));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ends what a killed test left. */
function sweep(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    if (markedProcess(join(folder, "owner")) !== null) continue;
    for (const mark of readdirSync(folder).filter((each) => each.endsWith(".mark"))) {
      const pid = markedProcess(join(folder, mark));
      if (pid !== null) process.kill(pid, "SIGKILL");
    }
    rmSync(folder, { recursive: true, force: true });
  }
}
