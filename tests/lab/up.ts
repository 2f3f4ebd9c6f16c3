/** Holds a lab open for a person: started by up.sh, ended by down.sh. Writes what there is to know into the folder. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demoTemplate } from "../support/app.ts";
import { processMark } from "../support/processes.ts";
import { Cluster } from "./lab.ts";

const [folder = "", nodes = "3", controllers = "1"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true, mode: 0o700 });
writeFileSync(join(folder, "pid"), processMark(process.pid));
const cluster = await Cluster.open({ nodes: Number(nodes), controllers: Number(controllers) });
const end = async (): Promise<void> => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
};
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void end());

const first = cluster.worker(0).node;
const template = join(first.machine.folder, "srv/shared");
if (!existsSync(template)) throw new Error(`${template} is missing`);
await demoTemplate(join(cluster.room.folder, "shared"));
await cluster.registerTemplate("/srv/shared/demo-template.qcow2", { nodeName: first.name });
const lines = [
  `Controller: ${cluster.url}`,
  `Name:       ${cluster.adminName}`,
  `Password:   ${cluster.adminPassword}`,
  ...cluster.workers.map(({ node }) => `${node.name}: virsh -c '${node.uri}' list --all`),
  "",
];
// Whole or not at all, for the one who waits for it.
writeFileSync(join(folder, "ready.new"), lines.join("\n"), { mode: 0o600 });
renameSync(join(folder, "ready.new"), join(folder, "ready"));
