/** Image files with the real qemu-img: copies, overlays, full disks, cancelled copies, hostile paths. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { HypervisorError } from "../../src/core/libvirt/hypervisor.ts";
import { openImages, takesDirectIo } from "../../src/core/libvirt/images.ts";

setDefaultTimeout(60_000);

const mebibyte = 1024 * 1024;
const images = openImages();
let folder: string;
let small: string;
let source: string;

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}

/** What a test that was killed left behind. */
function sweepStale(): void {
  for (const name of readdirSync("/var/tmp")) {
    const pid = name.match(/^jimv-images-(\d+)-/)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    Bun.spawnSync(["umount", join("/var/tmp", name, "small")]);
    rmSync(join("/var/tmp", name), { recursive: true, force: true });
  }
}

beforeAll(() => {
  sweepStale();
  folder = mkdtempSync(`/var/tmp/jimv-images-${process.pid}-`);
  small = join(folder, "small");
  mkdirSync(small);
  run("mount", "-t", "tmpfs", "-o", "size=8m", "jimv-images", small);
  source = join(folder, "source.qcow2");
  const raw = join(folder, "source.raw");
  writeFileSync(raw, crypto.getRandomValues(Buffer.alloc(65536)));
  run("qemu-img", "resize", "-q", "-f", "raw", raw, "64M");
  // Random data all over: nothing for qemu-img to skip.
  run("dd", "if=/dev/urandom", `of=${raw}`, "bs=1M", "count=32", "conv=notrunc", "status=none");
  run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, source);
});
afterAll(() => {
  run("umount", small);
  rmSync(folder, { recursive: true, force: true });
});

async function failureOf(call: Promise<unknown>): Promise<HypervisorError> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(HypervisorError);
    return error as HypervisorError;
  }
  throw new Error("it did not fail");
}

describe("copy", () => {
  test("is whole, private, and depends on nothing", async () => {
    const target = join(folder, "copy.qcow2");
    const progress: [number, number][] = [];
    await images.copy(source, target, {
      format: "qcow2",
      onProgress: (done, total) => progress.push([done, total]),
    });
    run("qemu-img", "compare", "-q", source, target);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(await images.info(target)).toMatchObject({
      format: "qcow2",
      virtualSizeBytes: 64 * mebibyte,
      backingFile: null,
    });
    const total = (await images.info(source)).actualSizeBytes;
    expect(progress.at(-1)).toEqual([total, total]);
    for (const [done] of progress) expect(done).toBeLessThanOrEqual(total);
    expect(await images.exists(`${target}.part`)).toBeFalse();
  });

  test("grows, but never shrinks", async () => {
    const [larger, same] = [join(folder, "larger.raw"), join(folder, "same.qcow2")];
    await images.copy(source, larger, { format: "raw", sizeBytes: 96 * mebibyte });
    await images.copy(source, same, { format: "qcow2", sizeBytes: mebibyte });
    expect((await images.info(larger)).virtualSizeBytes).toBe(96 * mebibyte);
    expect((await images.info(same)).virtualSizeBytes).toBe(64 * mebibyte);
  });

  test("on a full disk is `noSpace` and leaves nothing", async () => {
    const error = await failureOf(images.copy(source, join(small, "full.qcow2"), { format: "qcow2" }));
    expect(error.code).toBe("noSpace");
    expect(readdirSync(small)).toEqual([]);
  });

  test("when cancelled ends at once and leaves nothing", async () => {
    const target = join(folder, "cancelled.raw");
    const abort = new AbortController();
    const copying = failureOf(
      images.copy(source, target, { format: "raw", signal: abort.signal, onProgress: () => abort.abort() }),
    );
    expect((await copying).code).toBe("cancelled");
    expect(await images.exists(target)).toBeFalse();
    expect(await images.exists(`${target}.part`)).toBeFalse();
    const before = failureOf(images.copy(source, target, { format: "raw", signal: AbortSignal.abort() }));
    expect((await before).code).toBe("cancelled");
  });

  test("does not overwrite, and replaces what a killed program left half-made", async () => {
    const target = join(folder, "there.qcow2");
    writeFileSync(`${target}.part`, "half of a disk");
    await images.copy(source, target, { format: "qcow2" });
    run("qemu-img", "compare", "-q", source, target);
    expect((await failureOf(images.copy(source, target, { format: "qcow2" }))).code).toBe("exists");
    run("qemu-img", "compare", "-q", source, target);
  });

  test("of a file that is gone is `notFound`", async () => {
    const target = join(folder, "never.qcow2");
    const error = await failureOf(images.copy(join(folder, "gone.qcow2"), target, { format: "qcow2" }));
    expect(error.code).toBe("notFound");
    expect(await images.exists(target)).toBeFalse();
  });
});

describe("overlays and empty disks", () => {
  test("a link has its source as backing file", async () => {
    const target = join(folder, "link.qcow2");
    await images.link(source, target, { sourceFormat: "qcow2", sizeBytes: 128 * mebibyte });
    expect(await images.info(target)).toMatchObject({
      backingFile: source,
      virtualSizeBytes: 128 * mebibyte,
    });
    const flat = join(folder, "flat.qcow2");
    await images.copy(target, flat, { format: "qcow2" });
    expect((await images.info(flat)).backingFile).toBeNull();
  });

  test.each(["qcow2", "raw"] as const)("an empty %s", async (format) => {
    const target = join(folder, `empty.${format}`);
    await images.create(target, { format, sizeBytes: 10 * mebibyte });
    expect(await images.info(target)).toMatchObject({ format, virtualSizeBytes: 10 * mebibyte });
    expect((await failureOf(images.create(target, { format, sizeBytes: mebibyte }))).code).toBe("exists");
  });
});

describe("what an image may not hide", () => {
  test("an external data file is found without being opened", async () => {
    const image = join(folder, "external.qcow2");
    const data = join(folder, "external.data");
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", `data_file=${data}`, image, "10M");
    expect(await images.info(image)).toMatchObject({ dataFile: data, virtualSizeBytes: 10 * mebibyte });
    rmSync(data); // qemu-img itself could not open the image now
    expect((await images.info(image)).dataFile).toBe(data);
    const error = await failureOf(images.copy(image, join(folder, "stolen.raw"), { format: "raw" }));
    expect(error.code).toBe("invalid");
  });

  test("a VMDK descriptor that names other files", async () => {
    const image = join(folder, "split.vmdk");
    run("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", image, "10M");
    expect((await images.info(image)).dataFile).toBe(join(folder, "split-flat.vmdk"));
  });

  test("an encrypted image", async () => {
    const image = join(folder, "secret.qcow2");
    const secret = join(folder, "secret");
    writeFileSync(secret, "secret");
    const options = [
      "--object",
      `secret,id=s,file=${secret}`,
      "-o",
      "encrypt.format=aes,encrypt.key-secret=s",
    ];
    run("qemu-img", "create", "-q", "-f", "qcow2", ...options, image, "1M");
    expect((await images.info(image)).encrypted).toBeTrue();
  });
});

describe("paths", () => {
  test.each(["-c", "nbd:127.0.0.1:1", "json:{}", "file:/etc/passwd", "a.qcow2", "", "/a\0b"])(
    "%j is refused before qemu-img sees it",
    async (path) => {
      expect((await failureOf(images.info(path))).code).toBe("invalid");
      expect((await failureOf(images.copy(source, path, { format: "raw" }))).code).toBe("invalid");
      expect((await failureOf(images.create(path, { format: "raw", sizeBytes: 512 }))).code).toBe("invalid");
      expect((await failureOf(images.remove(path))).code).toBe("invalid");
    },
  );

  test.each(["-c", "nbd:127.0.0.1:1", "a b,c=d", "😀", "'\"$(x)"])(
    "%j as a file name is only a name",
    async (name) => {
      const path = join(folder, name);
      await images.create(path, { format: "qcow2", sizeBytes: mebibyte });
      expect((await images.info(path)).path).toBe(path);
      await images.copy(path, `${path}.copy`, { format: "qcow2" });
      await images.link(path, `${path}.link`, { sourceFormat: "qcow2" });
      expect(await images.list(folder)).toContain(path);
      expect(await images.remove(path)).toBeTrue();
      expect(await images.exists(path)).toBeFalse();
    },
  );
});

describe("small files", () => {
  test("are written whole and private, also over an older one", async () => {
    const path = join(folder, "seed.img");
    await images.write(path, new TextEncoder().encode("first"));
    await images.write(path, new TextEncoder().encode("second"));
    expect(await Bun.file(path).text()).toBe("second");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await failureOf(images.write(join(small, "big"), new Uint8Array(16 * mebibyte)))).code).toBe(
      "noSpace",
    );
    expect(readdirSync(small)).toEqual([]);
  });

  test("remove takes the half-made one along and does not mind none", async () => {
    const path = join(folder, "gone");
    writeFileSync(`${path}.part`, "x");
    expect(await images.remove(path)).toBeTrue();
    expect(await images.remove(path)).toBeFalse();
    expect(await images.exists(`${path}.part`)).toBeFalse();
  });

  test("list shows regular files only", async () => {
    const inside = join(folder, "list");
    mkdirSync(join(inside, "folder"), { recursive: true });
    writeFileSync(join(inside, "file"), "");
    symlinkSync("/etc/passwd", join(inside, "link"));
    expect(await images.list(inside)).toEqual([join(inside, "file")]);
    expect((await failureOf(images.list(join(folder, "nowhere")))).code).toBe("notFound");
  });

  test("a file that is not there counts as taking direct I/O", async () => {
    expect(await takesDirectIo(join(folder, "nowhere"))).toBeTrue();
    expect(await takesDirectIo(source)).toBeTrue();
  });
});
