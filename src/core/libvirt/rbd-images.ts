/**
 * Disk images in Ceph pools beside those in files, behind the same face. Contents go through qemu-img, which shows how
 * far it is; libvirt says where the pool is, keeps the key, and removes images.
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CephAccess, HypervisorError, type Images } from "./hypervisor.ts";
import { wholeImage } from "./images.ts";
import { convert, parseInfo, qemuImg, quick } from "./qemu-img.ts";
import { cephFiles, type RbdSource, rbdAddress, rbdFileName, rbdPoolName } from "./rbd.ts";

/** What of a Ceph pool only libvirt can tell or do. */
export interface RbdPools {
  source(pool: string): Promise<RbdSource>;
  /** The key in base64. */
  key(secretUuid: string): Promise<string>;
  exists(pool: string, image: string): Promise<boolean>;
  remove(pool: string, image: string): Promise<boolean>;
  names(pool: string): Promise<string[]>;
}

interface Place {
  pool: string;
  image: string;
}

/** In memory, and gone with the next boot: the key is in it for as long as a copy takes. */
const roomFolder = "/run";
const roomPrefix = "jimv-ceph-";

const makeRoom = (): Promise<string> => mkdtemp(join(roomFolder, `${roomPrefix}${process.pid}-`));

/** Removes what a process that was killed has left. */
async function sweepRooms(): Promise<void> {
  for (const name of await readdir(roomFolder)) {
    const pid = Number(name.startsWith(roomPrefix) && name.slice(roomPrefix.length).split("-")[0]);
    if (pid > 0 && pid !== process.pid && !isAlive(pid))
      await rm(join(roomFolder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A virtio disk's size is counted in these. */
const sectorBytes = 512;

/** The same face for both; `rbd:POOL/IMAGE` goes to Ceph, everything else to files. */
export function imagesOf(files: Images, pools: RbdPools): Images {
  let swept: Promise<void> | null = null;

  /** How Ceph's client reaches an image, and what libvirt says of its pool. */
  async function access({ pool, image }: Place): Promise<CephAccess & { source: RbdSource }> {
    const source = await pools.source(pool);
    const key = await pools.key(source.secretUuid);
    return {
      source,
      image: `${source.cephPool}/${image}`,
      user: source.user,
      files: (keyring) => cephFiles(source, key, keyring),
    };
  }

  /** Lets qemu-img into the pool for as long as `body` runs; the key lies in a file that root alone reads meanwhile. */
  async function reaching<T>(place: Place, body: (name: string) => Promise<T>): Promise<T> {
    const { source, files: contents } = await access(place);
    swept ??= sweepRooms();
    await swept;
    const folder = await makeRoom();
    try {
      const keyring = join(folder, "keyring");
      const conf = join(folder, "ceph.conf");
      const content = contents(keyring);
      await writeFile(keyring, content.keyring, { mode: 0o600 });
      await writeFile(conf, content.conf, { mode: 0o600 });
      return await body(rbdFileName(place.image, source, conf));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Makes an image that must not be there yet; nothing of it stays when `body` fails. */
  async function making(place: Place, body: (name: string) => Promise<void>): Promise<void> {
    if (await pools.exists(place.pool, place.image))
      throw new HypervisorError("exists", `The Ceph pool has an image ${place.image} already.`);
    try {
      await reaching(place, body);
    } catch (error) {
      await pools.remove(place.pool, place.image).catch(() => false);
      throw error;
    }
  }

  const byPlace =
    <A extends unknown[], R>(
      inFile: (path: string, ...args: A) => Promise<R>,
      inCeph: (place: Place, ...args: A) => Promise<R>,
    ) =>
    async (path: string, ...args: A): Promise<R> => {
      const place = rbdAddress(path);
      return place ? inCeph(place, ...args) : inFile(path, ...args);
    };

  return {
    ...files,
    info: byPlace(files.info, (place) =>
      reaching(place, async (name) => ({
        ...parseInfo(name, await qemuImg(["info", "--output=json", "-U", "--", name], quick)),
        path: `rbd:${place.pool}/${place.image}`,
      })),
    ),
    cephAccess: byPlace(files.cephAccess, access),
    exists: byPlace(files.exists, ({ pool, image }) => pools.exists(pool, image)),
    remove: byPlace(files.remove, ({ pool, image }) => pools.remove(pool, image)),
    async list(folder) {
      const pool = rbdPoolName(folder);
      if (pool === null) return files.list(folder);
      return (await pools.names(pool)).map((name) => `${folder}/${name}`);
    },
    create: byPlace(files.create, (place, { sizeBytes }) =>
      making(place, async (name) => {
        await qemuImg(["create", "-q", "-f", "raw", "--", name, String(sizeBytes)], quick);
      }),
    ),
    async copy(source, target, options) {
      const place = rbdAddress(target);
      if (!place) return files.copy(source, target, options);
      const from = await wholeImage(source);
      await making(place, (name) => convert(from, name, { ...options, format: "raw" }));
    },
    async link(source, target, options) {
      if (!rbdAddress(target)) return files.link(source, target, options);
      throw new HypervisorError("unsupported", "A disk in a Ceph pool can't be an overlay on a file.");
    },
    write: byPlace(files.write, async (place, data) => {
      await pools.remove(place.pool, place.image);
      const folder = await makeRoom();
      try {
        const whole = new Uint8Array(Math.ceil(data.length / sectorBytes) * sectorBytes);
        whole.set(data);
        const file = join(folder, "image");
        await writeFile(file, whole, { mode: 0o600 });
        const from = await wholeImage(file);
        await making(place, (name) => convert({ ...from, format: "raw" }, name, { format: "raw" }));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
  };
}
