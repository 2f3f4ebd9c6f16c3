/** What a cluster stands on, on a machine of the lab of its own: MariaDB and Redis. */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { randomPassword } from "../../src/core/vault.ts";
import { until } from "../support/client.ts";
import { run } from "../support/processes.ts";
import type { Machine } from "./machine.ts";
import type { Program } from "./program.ts";
import type { Room } from "./room.ts";

const startMilliseconds = 60_000;
const passwordLength = 24;

/** A fresh data folder takes seconds to make; it is made once and copied. */
const freshData = join(import.meta.dir, "../../.cache/lab/mariadb");

export class Services {
  readonly password = randomPassword(passwordLength);

  private constructor(
    readonly machine: Machine,
    readonly mariadb: Program,
    readonly redis: Program,
  ) {}

  static async open(room: Room, name: string, host: number): Promise<Services> {
    await makeFreshData();
    const machine = await room.add(name, host);
    const folder = join(machine.folder, "srv");
    cpSync(freshData, join(folder, "mariadb"), { recursive: true });
    const mariadb = machine.program("mariadb", [
      ...["mariadbd", "--no-defaults", "--datadir=/srv/mariadb", "--user=root", "--socket=/run/mariadb.sock"],
      ...[`--bind-address=${machine.address}`, "--init-file=/srv/init.sql", "--skip-name-resolve"],
      // As MariaDB 5.5 makes rows; written at each commit, but not flushed: it survives SIGKILL and is quick.
      ...["--innodb-default-row-format=compact", "--innodb-flush-log-at-trx-commit=2"],
      ...["--innodb-buffer-pool-size=64M", "--performance-schema=OFF", "--skip-log-bin"],
    ]);
    const redis = machine.program("redis", ["redis-server", "/srv/redis.conf"]);
    const services = new Services(machine, mariadb, redis);
    const { password } = services;
    writeFileSync(
      join(folder, "init.sql"),
      [
        "create database if not exists jimv;",
        `create user if not exists 'jimv'@'%' identified by '${password}';`,
        "grant all on *.* to 'jimv'@'%';",
        "",
      ].join("\n"),
      { mode: 0o600 },
    );
    const redisConf = [
      `bind ${machine.address}`,
      "dir /srv",
      `requirepass ${password}`,
      'save ""',
      "appendonly yes",
    ];
    writeFileSync(join(folder, "redis.conf"), `${redisConf.join("\n")}\n`, { mode: 0o600 });
    await Promise.all([services.startMariadb(), services.startRedis()]);
    return services;
  }

  get storeUrl(): string {
    return `mysql://jimv@${this.machine.address}:3306/jimv`;
  }

  get redisUrl(): string {
    return `redis://${this.machine.address}:6379`;
  }

  /** Starts MariaDB (again) and waits until it answers. */
  async startMariadb(): Promise<void> {
    await this.mariadb.start();
    await until("MariaDB answers", startMilliseconds, () => {
      if (!this.mariadb.runs) throw new Error(`MariaDB ended: ${this.mariadb.output.slice(-2000)}`);
      return this.query("select 1").then(
        () => true,
        () => false,
      );
    });
  }

  /** Starts Redis (again) and waits until it answers. */
  async startRedis(): Promise<void> {
    await this.redis.start();
    await until("Redis answers", startMilliseconds, () => {
      if (!this.redis.runs) throw new Error(`Redis ended: ${this.redis.output.slice(-2000)}`);
      return this.redisCli("ping").then(
        (answer) => answer.trim() === "PONG",
        () => false,
      );
    });
  }

  /** Runs one statement; its rows. */
  async query(sql: string): Promise<unknown[]> {
    const { address: host } = this.machine;
    const { password } = this;
    const connection = await createConnection({ host, user: "jimv", password, database: "jimv" });
    try {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? rows : [];
    } finally {
      connection.destroy();
    }
  }

  /** What redis-cli prints. */
  redisCli(...command: string[]): Promise<string> {
    return run(["redis-cli", "-h", this.machine.address, "--no-auth-warning", ...command], {
      REDISCLI_AUTH: this.password,
    });
  }
}

async function makeFreshData(): Promise<void> {
  if (existsSync(freshData)) return;
  const made = `${freshData}.${process.pid}`;
  mkdirSync(made, { recursive: true });
  const options = ["--no-defaults", `--datadir=${made}`, "--user=root", "--innodb-log-file-size=8M"];
  await run(["mariadb-install-db", ...options, "--auth-root-authentication-method=normal", "--skip-test-db"]);
  // Somebody else may have been quicker.
  if (existsSync(freshData)) rmSync(made, { recursive: true });
  else renameSync(made, freshData);
}
