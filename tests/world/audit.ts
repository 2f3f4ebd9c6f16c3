/**
 * What must hold whenever the world has come to rest, whatever happened before: every task has ended, and the
 * store, the nodes' journals and the machines tell the same story, with nothing left over that nobody owns.
 */
import type { Table } from "../../src/core/store/index.ts";
import { type Disk, disks } from "../../src/plugins/disks/index.ts";
import { guestInterfaces, guests } from "../../src/plugins/guests/index.ts";
import { ports, runs } from "../../src/plugins/migration/schema.ts";
import { templateCopies } from "../../src/plugins/templates/index.ts";
import { clusterId, type World } from "./world.ts";

/** States of guests that must be like their domain's. */
const resting = ["off", "running", "paused", "crashed"];
const storage = "/storage/";

/** Sentences about everything that is wrong; empty when all is well. */
export async function audit(world: World): Promise<string[]> {
  const wrong: string[] = [];
  const all = <T extends Table>(table: T) => world.store.select(table, { where: "all" });
  const [allCopies, allGuests, allDisks, allInterfaces, allTasks] = await Promise.all([
    all(templateCopies),
    all(guests),
    all(disks),
    all(guestInterfaces),
    world.tasks(),
  ]);

  for (const task of allTasks) {
    const name = `task ${task.kind} of ${task.targetName}`;
    if (task.endedAt === null) wrong.push(`${name} is open (${task.state}, step ${task.step})`);
    else if (task.exclusiveKey !== null) wrong.push(`${name} has ended and still holds its key`);
    if (task.leftovers) wrong.push(`${name} has leftovers`);
    if (task.state === "failed" && task.errorWord === null) wrong.push(`${name} failed without a reason`);
  }

  if (world.controllerRuns) {
    const shown = (counts: ReadonlyMap<string, number>): string => JSON.stringify([...counts].sort());
    const counted = shown(await world.guestService.counts());
    const truth = shown(await world.store.countBy(guests, guests.state));
    if (counted !== truth) wrong.push(`guests are counted as ${counted} and are ${truth}`);
  }

  for (const { node, port } of await all(ports)) wrong.push(`port ${port} of ${node} is booked for nobody`);
  for (const { guestUuid } of await all(runs))
    wrong.push(`the migration of ${guestUuid} is over and still known`);
  for (const guest of allGuests)
    if (guest.movesTo !== null && guest.state !== "migrating")
      wrong.push(`guest ${guest.name} is ${guest.state} and still holds a port on ${guest.movesTo}`);

  for (const guest of allGuests) {
    const name = `guest ${guest.name}`;
    const machine = world.machine(guest.nodeName);
    const domain = machine.domains.get(guest.uuid);
    const hers = allDisks.filter((disk) => disk.guestUuid === guest.uuid);
    const nics = allInterfaces.filter((each) => each.guestUuid === guest.uuid);
    if (guest.state === "failed") {
      if (guest.failedWord === null) wrong.push(`${name} failed without a reason`);
      // A guest that vanished keeps its disks until it is deleted; a failed creation has nothing.
      if (guest.failedWord !== "guests.vanished" && guest.vncPort === null) {
        if (hers.length > 0 && !guest.failedWord?.startsWith("task.expired"))
          wrong.push(`${name} failed and has disks`);
        if (nics.length > 0) wrong.push(`${name} failed and has interfaces`);
        if (domain && !guest.failedWord?.startsWith("task.expired"))
          wrong.push(`${name} failed and has a domain`);
      }
      continue;
    }
    if (!resting.includes(guest.state)) {
      wrong.push(`${name} is ${guest.state}, and no task takes it further`);
      continue;
    }
    if (!domain) {
      wrong.push(`${name} is ${guest.state} and has no domain`);
      continue;
    }
    if (domain.state !== guest.state) wrong.push(`${name} is ${guest.state}, its domain ${domain.state}`);
    if (domain.clusterId !== clusterId) wrong.push(`${name}'s domain is not ours`);
    if (domain.spec.vnc.port !== guest.vncPort)
      wrong.push(`${name} has port ${guest.vncPort}, its domain ${domain.spec.vnc.port}`);
    if (domain.spec.vcpus !== guest.vcpus || domain.spec.memoryMiB !== guest.memoryMiB)
      wrong.push(`${name} and its domain differ in size`);
    const macs = domain.spec.interfaces.map((each) => each.mac).join();
    if (macs !== nics.map((each) => each.mac).join())
      wrong.push(`${name} and its domain differ in interfaces`);
    const paths = domain.spec.disks
      .map((disk) => disk.path)
      .sort()
      .join();
    if (
      paths !==
      hers
        .map((disk) => disk.path)
        .sort()
        .join()
    )
      wrong.push(`${name} and its domain differ in disks`);
    if (hers.filter((disk) => disk.role === "system").length !== 1)
      wrong.push(`${name} has not one system disk`);
    if (guest.seedPath && !machine.files.has(guest.seedPath)) wrong.push(`${name} has lost its seed`);
  }

  // A deletion that failed half-way may have removed files already; deleting again ends it.
  const halfDeleted = new Set(
    allGuests.filter((guest) => guest.state === "failed").map((guest) => guest.uuid),
  );
  for (const disk of allDisks)
    if (disk.guestUuid === null || !halfDeleted.has(disk.guestUuid)) wrong.push(...auditDisk(world, disk));
  for (const copy of allCopies) {
    const name = `the copy of ${copy.templateId} for ${copy.place}`;
    if (copy.taskId !== null) wrong.push(`${name} is being made for ever`);
    if (!world.machine(copy.nodeName).files.has(copy.path)) wrong.push(`${name} has no file`);
  }
  for (const [nodeName, machine] of world.machines) {
    // Of machines with one storage each may own its files.
    const isHere = (name: string): boolean => world.machine(name).files === machine.files;
    const owned = new Set([
      ...allDisks.filter((disk) => isHere(disk.nodeName)).map((disk) => disk.path),
      ...allCopies.filter((copy) => isHere(copy.nodeName)).map((copy) => copy.path),
      ...allGuests.filter((guest) => isHere(guest.nodeName)).flatMap((guest) => guest.seedPath ?? []),
    ]);
    for (const path of machine.files.keys())
      if (path.startsWith(storage) && !owned.has(path)) wrong.push(`file ${path} has no owner`);
    for (const [uuid, domain] of machine.domains) {
      const isOurs = domain.clusterId === clusterId;
      const guest = allGuests.find((each) => each.uuid === uuid);
      if (isOurs && !guest) wrong.push(`domain ${domain.spec.name} has no guest`);
      if (guest && guest.nodeName !== nodeName)
        wrong.push(
          `${domain.spec.name} is of ${guest.nodeName}, and defined on ${nodeName}, too (${domain.state})`,
        );
      if (domain.arriving) wrong.push(`${domain.spec.name} never arrived on ${nodeName}`);
    }
    const ports = [...machine.domains]
      .filter(([uuid]) => machine.isActive(uuid))
      .map(([, each]) => each.spec.vnc.port);
    if (new Set(ports).size < ports.length) wrong.push("two running domains have one VNC port");
  }
  for (const name of world.machines.keys()) {
    const outbox = world.outbox(name);
    if (!outbox) continue;
    if (outbox.count() > 0) wrong.push(`${name} has ${outbox.count()} reports that nobody applied`);
    for (const entry of outbox.journaled())
      wrong.push(`${name} still has to take back ${entry.name} ${JSON.stringify(entry.args)}`);
  }
  const errors = world.lines.filter((line) => line.includes(" error "));
  for (const line of errors) wrong.push(`logged: ${line}`);
  return wrong;
}

function auditDisk(world: World, disk: Disk): string[] {
  if (disk.state === "failed") return [];
  const wrong: string[] = [];
  if (!["idle", "attached"].includes(disk.state)) wrong.push(`disk ${disk.name} is ${disk.state}`);
  if ((disk.state === "attached") !== (disk.guestUuid !== null && disk.target !== null))
    wrong.push(`disk ${disk.name} is ${disk.state} of guest ${disk.guestUuid}`);
  if (!world.machine(disk.nodeName).files.has(disk.path)) wrong.push(`disk ${disk.name} has no file`);
  return wrong;
}
