/** The node's side: looks at a template's image, and refuses what guests could not safely be made from. */
import { lstat, realpath } from "node:fs/promises";
import { dirname } from "node:path/posix";
import { AppError, type ImageInfo, type NodeContext, type ResultOf } from "jimv";
import { demandMark } from "../pools/index.ts";
import { refusedPath } from "./rules.ts";
import { checkTemplate, copyTemplate, dropCopy } from "./tasks.ts";

export function startNode(context: NodeContext): void {
  context.operation(checkTemplate, async (operation, { path }) => {
    const file = await operation.step("templates.step.file", null, () => lookAtFile(path));
    operation.progress(20);
    const info = await operation.step("templates.step.image", null, () =>
      context.hypervisor.images.info(path),
    );
    return { ...acceptedImage(path, info), ...file };
  });

  const { hypervisor } = context;
  const { images } = hypervisor;
  context.undo(undoCopy, async ({ path }) => {
    if (path) await images.remove(path);
  });
  context.operation(copyTemplate, async (operation, payload) => {
    const { path, source, sizeBytes, format, folder, mark } = payload;
    await demandMark(folder, mark);
    if (operation.isRepeated) await images.remove(path);
    // A copy of before the node had another name, for example: whole, or it would not have this name.
    else if (await images.exists(path)) return {};
    await images.makeFolder(dirname(path));
    const onProgress = operation.meter(0, 97);
    const { signal } = operation;
    await operation.step("templates.step.copy", { name: undoCopy, args: { path } }, () =>
      source.uri === null
        ? images.copy(source.path, path, { format, signal, onProgress })
        : hypervisor.fetchImage({ uri: source.uri, path: source.path, sizeBytes }, path, {
            signal,
            onProgress,
          }),
    );
    await operation.step("templates.step.image", null, async () => {
      const info = acceptedImage(path, await images.info(path));
      if (info.format !== format)
        throw new AppError("conflict", "templates.refused.format", { path, format });
    });
    return {};
  });
  context.operation(dropCopy, async (operation, { path }) => {
    await operation.step("templates.step.drop", null, () => images.remove(path));
    return {};
  });
}

const undoCopy = "templates.removeCopy";

/**
 * Before qemu-img opens anything: only a regular file at its real path, since a pipe or device would hang or
 * hand out something else. @throws AppError conflict
 */
async function lookAtFile(path: string): Promise<{ othersRead: boolean; fileSizeBytes: number }> {
  const refused = refusedPath(path);
  if (refused) throw new AppError("conflict", refused, { path });
  const facts = await lstat(path).catch(() => null);
  // Whether it is there at all is said by who opens it.
  if (!facts) return { othersRead: false, fileSizeBytes: 0 };
  if (facts.isSymbolicLink() || (await realpath(path)) !== path)
    throw new AppError("conflict", "templates.refused.link", {
      path,
      real: await realpath(path).catch(() => "?"),
    });
  if (!facts.isFile()) throw new AppError("conflict", "templates.refused.notFile", { path });
  if (facts.size === 0) throw new AppError("conflict", "templates.refused.empty", { path });
  return { othersRead: (facts.mode & 0o004) !== 0, fileSizeBytes: facts.size };
}

/** @throws AppError conflict with what is wrong with the image */
export function acceptedImage(
  path: string,
  info: ImageInfo,
): Omit<ResultOf<typeof checkTemplate>, "othersRead" | "fileSizeBytes"> {
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
