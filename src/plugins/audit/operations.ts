/** The node's side of an audit: all domains and files, as they are. */
import { stat } from "node:fs/promises";
import { HypervisorError, type NodeContext, type PayloadOf, type ResultOf, readHoldings } from "jimv";
import { lookTask } from "./tasks.ts";

type Look = ResultOf<typeof lookTask>;

export function startNode(context: NodeContext): void {
  context.operation(lookTask, async (operation, payload) => {
    const domains = await operation.step("audit.step.domains", null, () => lookAtDomains(context));
    operation.progress(50);
    const files = await operation.step("audit.step.files", null, () => lookAtFiles(context, payload));
    return { domains, ...files };
  });
}

async function lookAtDomains({ hypervisor, clusterId }: NodeContext): Promise<Look["domains"]> {
  const found: Look["domains"] = [];
  for (const { uuid, name, state, clusterId: owner, vcpus, memoryMiB } of await hypervisor.domains()) {
    const isOurs = owner === clusterId;
    const traits = { uuid, name, state, isOurs, vcpus, memoryMiB };
    if (!isOurs) {
      found.push({ ...traits, files: [], images: [], macs: [], vncPort: null });
      continue;
    }
    try {
      found.push({ ...traits, ...readHoldings(await hypervisor.xml(uuid)) });
    } catch (error) {
      // It went between the list and the look.
      if (!(error instanceof HypervisorError && error.code === "notFound")) throw error;
    }
  }
  return found;
}

async function lookAtFiles(
  { hypervisor }: NodeContext,
  payload: PayloadOf<typeof lookTask>,
): Promise<Pick<Look, "files" | "closed">> {
  const files: Look["files"] = [];
  const closed: string[] = [];
  for (const folder of payload.folders) {
    try {
      for (const path of await hypervisor.images.list(folder)) {
        const facts = path.startsWith("/")
          ? await stat(path, { bigint: true }).catch(() => null)
          : { ino: path };
        if (facts) files.push({ path, inode: String(facts.ino) });
      }
    } catch {
      closed.push(folder);
    }
  }
  return { files, closed };
}
