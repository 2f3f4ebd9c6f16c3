/** What a node does to make and remove data disks. */
import type { NodeContext } from "jimv";
import { demandMark } from "../pools/index.ts";
import { createDisk, deleteDisk } from "./tasks.ts";

const bytesPerGiB = 1024 ** 3;
const undoName = "disks.removeFile";

export function startNode(context: NodeContext): void {
  const { images } = context.hypervisor;
  context.undo(undoName, async ({ path }) => {
    if (path) await images.remove(path);
  });
  context.operation(createDisk, async (operation, { path, format, sizeGiB, folder, mark }) => {
    await demandMark(folder, mark);
    if (operation.isRepeated) await images.remove(path);
    await operation.step("disks.step.create", { name: undoName, args: { path } }, () =>
      images.create(path, { format, sizeBytes: sizeGiB * bytesPerGiB }),
    );
    return {};
  });
  context.operation(deleteDisk, async (operation, { path }) => {
    await operation.step("disks.step.remove", null, () => images.remove(path));
    return {};
  });
}
