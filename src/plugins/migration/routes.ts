/** The API of migrations. */
import { type ControllerContext, Type } from "jimv";
import { TaskAnswer, taskAnswer } from "../tasks/index.ts";
import type { MigrationService } from "./contract.ts";
import { MigrateGuest } from "./requests.ts";

const tag = "Guests";
const GuestPath = Type.Object({ uuid: Type.String({ maxLength: 36 }) });

const Target = Type.Object({
  nodeName: Type.String(),
  able: Type.Boolean(),
  reason: Type.Union([Type.Object({ word: Type.String(), detail: Type.String() }), Type.Null()]),
  copyGiB: Type.Integer({ description: "Disks that are copied along, at most so much; 0 on shared storage" }),
  freeMemoryMiB: Type.Integer(),
  acceptsGuests: Type.Boolean({ description: "Whether it may be chosen automatically" }),
});

export function startRoutes({ web, tasks }: ControllerContext, service: MigrationService): void {
  web.api({
    method: "GET",
    path: "/guests/{uuid}/migration-targets",
    summary: "Where a guest can migrate to, and why not elsewhere",
    tag,
    role: "reader",
    params: GuestPath,
    answer: { status: 200, schema: Type.Object({ items: Type.Array(Target) }) },
    async handle({ params, viewer }) {
      const targets = await service.targets(params.uuid);
      const items = targets.map(({ reason, ...target }) => ({
        ...target,
        able: reason === null,
        reason: reason && { word: reason.word, detail: viewer.say(reason.word, reason.args) },
      }));
      return { body: { items } };
    },
  });

  web.api({
    method: "POST",
    path: "/guests/{uuid}/migrate",
    summary: "Migrate a guest to another node",
    description:
      "A guest that runs moves without being stopped; one that is off is carried over. Disks that are not on storage which both nodes share are copied along.",
    tag,
    role: "operator",
    params: GuestPath,
    body: MigrateGuest,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, body, viewer }) {
      const { task } = await service.migrate(params.uuid, body, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });
}
