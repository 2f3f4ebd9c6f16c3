/** From one machine to a cluster while guests run: they notice nothing, and everything that was known is still known. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type App, demoTemplate, executable, until } from "../support/app.ts";
import { ClusterController, Program } from "../support/cluster.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";
import { run } from "../support/processes.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

setDefaultTimeout(240_000);

const folder = mkdtempSync("/var/tmp/jimv-moving-");
const programs: Program[] = [];
let lab: Lab;
let app: App;
let mariadb: TestMariadb;
let redis: TestRedis;

beforeAll(async () => {
  [lab, mariadb, redis] = await Promise.all([openLab(), startMariadb(), startRedis()]);
  app = lab.app;
}, 240_000);
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop("SIGKILL")));
  await lab?.close();
  await Promise.all([mariadb?.stop(), redis?.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface GuestBody {
  uuid: string;
  name: string;
  state: string;
  nodeName: string;
  vncPort: number;
}

test("a standalone becomes a controller and a node, and its guest runs on", async () => {
  const templateId = await app.registerTemplate(await demoTemplate(folder));
  const made = await app.ask<{ task: { id: string }; guests: { uuid: string }[] }>("POST", "/guests", {
    name: "stays",
    templateId,
    vcpus: 1,
    memoryMiB: 128,
    dataDisks: [{ sizeGiB: 1 }],
  });
  expect((await app.ended(made.task.id)).state).toBe("succeeded");
  const uuid = made.guests[0]?.uuid ?? "";
  const before = await app.ask<GuestBody>("GET", `/guests/${uuid}`);
  const disksBefore = await app.ask<{ items: unknown[] }>("GET", "/disks?role=all&sort=name");
  const { token: secret } = await app.ask<{ token: string }>("POST", "/tokens", {
    name: "moving",
    role: "administrator",
  });
  const qemuOf = async (): Promise<string> =>
    (await run(["pgrep", "-f", `guest=stays,.*${uuid}`])).trim().split("\n")[0] ?? "";
  const qemu = await qemuOf();
  expect(await app.stop()).toBe(0);

  const database = await mariadb.database();
  const passwordFile = join(folder, "mysql");
  writeFileSync(passwordFile, database.password, { mode: 0o600 });
  const redisUrl = new URL(redis.url);
  const environment = {
    ...app.environment(),
    JIMV_STORE_URL: `mysql://${database.user}@${database.host}:${database.port}/${database.database}`,
    JIMV_STORE_PASSWORD_FILE: passwordFile,
    JIMV_REDIS_URL: `redis://${redisUrl.host}`,
    JIMV_REDIS_PASSWORD: decodeURIComponent(redisUrl.password),
  };
  await run([executable, "store", "copy", "--data", app.data], environment);
  const program = new Program(
    folder,
    [executable, "controller", "--data", app.data, "--listen", "127.0.0.1:0"],
    environment,
  );
  programs.push(program);
  const controller = new ClusterController(program, () => secret);
  await controller.start();

  // The same token as before opens the same store; what the node did is not known until it joins.
  expect((await controller.ask<GuestBody>("GET", `/guests/${uuid}`)).name).toBe("stays");

  const nodeData = join(folder, "node");
  mkdirSync(nodeData);
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, await controller.joinToken(), { mode: 0o600 });
  const node = new Program(folder, [executable, "node", "--data", nodeData], {
    ...environment,
    JIMV_LIBVIRT_PKI: join(nodeData, "pki"),
  });
  programs.push(node);
  const joined = await node.start(/works for/, ["--join", controller.url, "--token-file", tokenFile]);
  expect([joined?.[0], joined ? "" : node.output]).toEqual(["works for", ""]);
  await controller.nodeIs(app.nodeName, "live");

  await until("the guest is known to run", 60_000, async () => {
    const guest = await controller.ask<GuestBody>("GET", `/guests/${uuid}`);
    return guest.state === "running";
  });
  const after = await controller.ask<GuestBody>("GET", `/guests/${uuid}`);
  expect([after.nodeName, after.vncPort]).toEqual([before.nodeName, before.vncPort]);
  expect(await controller.ask<{ items: unknown[] }>("GET", "/disks?role=all&sort=name")).toEqual(disksBefore);
  // Not a process of the same name: the very same.
  expect(await qemuOf()).toBe(qemu);

  // It obeys the cluster, and so does the next one.
  type Asked = { task: { id: string } };
  const done = async (method: string, path: string, body?: unknown): Promise<void> => {
    const { task } = await controller.ask<Asked>(method, path, body);
    let state = "";
    await until(`${method} ${path} ends`, 120_000, async () => {
      ({ state } = await controller.ask<{ state: string }>("GET", `/tasks/${task.id}`));
      return state !== "queued" && state !== "running";
    });
    expect([path, state]).toEqual([path, "succeeded"]);
  };
  await done("POST", `/guests/${uuid}/pause`);
  await done("POST", `/guests/${uuid}/resume`);
  await done("POST", "/guests", { name: "new", templateId, vcpus: 1, memoryMiB: 128 });
  const audit = JSON.parse(await run([executable, "audit", "--json", "--data", app.data], environment));
  expect(audit.findings).toEqual([]);
});
