/** Data disks and guests: attaching and detaching, for the disks plugin. */
import {
  type Actor,
  AppError,
  and,
  asc,
  eq,
  inArray,
  type PayloadOf,
  type Statement,
  StoreUniqueError,
  update,
} from "jimv";
import { type Disk, type DiskAttachment, disks } from "../disks/index.ts";
import type { PoolService } from "../pools/index.ts";
import { diskEvent } from "./creation.ts";
import { diskTarget } from "./naming.ts";
import type { Ground } from "./needs.ts";
import { type Guest, guests } from "./schema.ts";
import type { Guests } from "./service.ts";
import { type GuestState, killable, refusalOf } from "./states.ts";
import { attachDisk, detachDisk } from "./tasks.ts";

/** Disks change while the guest is off: pulling one out of a running guest needs its consent. */
const idleStates: readonly GuestState[] = ["off", "crashed"];
/** `vda` … `vdz`. */
const mostDisks = 26;

export class Attachment implements DiskAttachment {
  constructor(
    private readonly ground: Ground,
    private readonly guests: Guests,
    private readonly pools: Pick<PoolService, "standing">,
  ) {}

  async names(guestUuids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.ground.store.select(guests, { where: inArray(guests.uuid, guestUuids) });
    return new Map(rows.map((guest) => [guest.uuid, guest.name]));
  }

  async candidates(nodeName: string): Promise<{ uuid: string; name: string }[]> {
    const rows = await this.ground.store.select(guests, {
      where: and(eq(guests.nodeName, nodeName), inArray(guests.state, idleStates)),
      orderBy: asc(guests.nameKey),
    });
    return rows.map(({ uuid, name }) => ({ uuid, name }));
  }

  attach(disk: Disk, guestUuid: string, actor: Actor): Promise<{ task: { id: string } }> {
    return this.guests.deciding(guestUuid, async (guest) => {
      demandOff(guest);
      if (guest.nodeName !== disk.nodeName && !(await this.isShared(disk, guest.nodeName)))
        throw new AppError("conflict", "guests.diskElsewhere", { disk: disk.name, node: disk.nodeName });
      const hers = await this.ground.store.select(disks, { where: eq(disks.guestUuid, guestUuid) });
      const used = new Set(hers.map((each) => each.target));
      const target = Array.from({ length: mostDisks }, (_, at) => diskTarget(at)).find(
        (name) => !used.has(name),
      );
      if (!target) throw new AppError("conflict", "guests.manyDisks", { name: guest.name, most: mostDisks });
      const change = { state: "attaching", guestUuid, target, nodeName: guest.nodeName } as const;
      return this.begin(
        guest,
        disk,
        target,
        actor,
        attachDisk,
        update(disks, change, and(eq(disks.uuid, disk.uuid), eq(disks.state, "idle")), { expect: 1 }),
      );
    });
  }

  detach(disk: Disk, actor: Actor): Promise<{ task: { id: string } }> {
    const { guestUuid, target } = disk;
    if (guestUuid === null || target === null)
      throw new AppError("conflict", "guests.diskFree", { disk: disk.name });
    return this.guests.deciding(guestUuid, async (guest) => {
      demandOff(guest);
      return this.begin(
        guest,
        disk,
        target,
        actor,
        detachDisk,
        update(
          disks,
          { state: "detaching" },
          and(eq(disks.uuid, disk.uuid), eq(disks.state, "attached"), eq(disks.guestUuid, guestUuid)),
          { expect: 1 },
        ),
      );
    });
  }

  /** Whether a node sees the very disk, because its pool is one storage for both. */
  private async isShared(disk: Disk, nodeName: string): Promise<boolean> {
    const { present, shared } = await this.pools.standing(disk.poolId, disk.nodeName, nodeName);
    return present && shared;
  }

  private async begin(
    guest: Guest,
    disk: Disk,
    target: string,
    actor: Actor,
    kind: typeof attachDisk | typeof detachDisk,
    change: Statement,
  ): Promise<{ task: { id: string } }> {
    await this.guests.reachable(guest);
    const payload: PayloadOf<typeof attachDisk> = {
      uuid: guest.uuid,
      diskUuid: disk.uuid,
      path: disk.path,
      format: disk.format,
      target,
    };
    const task = await this.ground.tasks.prepare(kind, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: guest.uuid,
      payload,
      actor,
    });
    try {
      await this.guests.begin(guest, {}, task, [change], [diskEvent(disk.uuid)]);
    } catch (error) {
      if (error instanceof StoreUniqueError && error.index === "disks_target")
        throw new AppError("conflict", "guests.busy", { name: guest.name });
      throw error;
    }
    return { task: { id: task.id } };
  }
}

/** @throws AppError conflict with what to do first */
function demandOff(guest: Guest): void {
  if (idleStates.includes(guest.state)) return;
  const runs = killable.includes(guest.state);
  throw new AppError("conflict", runs ? "guests.diskWhileRunning" : refusalOf(guest), {
    name: guest.name,
  });
}
