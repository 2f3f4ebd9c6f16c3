/** The node's side: looks at a template's image, and refuses what guests could not safely be made from. */
import { lstat, realpath } from "node:fs/promises";
import { AppError, type ImageInfo, type NodeContext, type ResultOf } from "jimv";
import { refusedPath } from "./rules.ts";
import { checkTemplate } from "./tasks.ts";

export function startNode(context: NodeContext): void {
  context.operation(checkTemplate, async (operation, { path }) => {
    const file = await operation.step("templates.step.file", null, () => lookAtFile(path));
    operation.progress(20);
    const info = await operation.step("templates.step.image", null, () =>
      context.hypervisor.images.info(path),
    );
    return { ...acceptedImage(path, info), othersRead: file.othersRead };
  });
}

/**
 * Before qemu-img opens anything: only a regular file at its real path, since a pipe or device would hang or
 * hand out something else. @throws AppError conflict
 */
async function lookAtFile(path: string): Promise<{ othersRead: boolean }> {
  const refused = refusedPath(path);
  if (refused) throw new AppError("conflict", refused, { path });
  const facts = await lstat(path).catch(() => null);
  // Whether it is there at all is said by who opens it.
  if (!facts) return { othersRead: false };
  if (facts.isSymbolicLink() || (await realpath(path)) !== path)
    throw new AppError("conflict", "templates.refused.link", {
      path,
      real: await realpath(path).catch(() => "?"),
    });
  if (!facts.isFile()) throw new AppError("conflict", "templates.refused.notFile", { path });
  if (facts.size === 0) throw new AppError("conflict", "templates.refused.empty", { path });
  return { othersRead: (facts.mode & 0o004) !== 0 };
}

/** @throws AppError conflict with what is wrong with the image */
export function acceptedImage(
  path: string,
  info: ImageInfo,
): Omit<ResultOf<typeof checkTemplate>, "othersRead"> {
  const { format, virtualSizeBytes, actualSizeBytes, backingFile, dataFile, encrypted } = info;
  const refuse = (word: string, args: Record<string, string> = {}): never => {
    throw new AppError("conflict", word, { path, ...args });
  };
  if (format !== "qcow2" && format !== "raw") return refuse("templates.refused.format", { format });
  if (backingFile !== null) refuse("templates.refused.backing", { file: backingFile });
  if (dataFile !== null) refuse("templates.refused.dataFile", { file: dataFile });
  if (encrypted) refuse("templates.refused.encrypted");
  if (virtualSizeBytes <= 0) refuse("templates.refused.empty");
  return { format, virtualSizeBytes, actualSizeBytes };
}
