/** The API of emptying nodes. */
import { type ControllerContext, type Reason, Type, type Viewer } from "jimv";
import type { DrainService, DrainView, MigrationService } from "./contract.ts";

const tag = "Nodes";
const NodePath = Type.Object({ name: Type.String({ maxLength: 64 }) });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const Reasons = Type.Array(Type.Object({ of: Type.String(), word: Type.String(), detail: Type.String() }));

const PlanBody = Type.Object({
  items: Type.Array(
    Type.Object({
      guestUuid: Type.String(),
      name: Type.String(),
      state: Type.String(),
      toNode: orNull(Type.String({ description: "Null: it would stay, for these reasons" })),
      copyGiB: Type.Integer({ description: "Disks that are copied along, at most so much" }),
      reasons: Reasons,
    }),
  ),
});
const DrainBody = Type.Object({
  node: Type.String(),
  state: Type.String({ description: "draining, ended or cancelled" }),
  beganAt: Type.Integer(),
  endedAt: orNull(Type.Integer()),
  steps: Type.Array(
    Type.Object({
      guestUuid: Type.String(),
      name: Type.String(),
      state: Type.String({ description: "waiting, moving, moved or stayed" }),
      toNode: orNull(Type.String()),
      taskId: orNull(Type.String()),
      reasons: Reasons,
    }),
  ),
});

export function startDrainRoutes(
  { web }: ControllerContext,
  migration: MigrationService,
  service: DrainService,
): void {
  web.api({
    method: "GET",
    path: "/nodes/{name}/drain-plan",
    summary: "Where each guest of a node would go if the node were emptied now",
    tag,
    role: "reader",
    params: NodePath,
    answer: { status: 200, schema: PlanBody },
    async handle({ params, viewer }) {
      const plan = await migration.drainPlan(params.name);
      const items = plan.map((step) => ({ ...step, reasons: told(step.reasons, viewer) }));
      return { body: { items } };
    },
  });

  web.api({
    method: "GET",
    path: "/nodes/{name}/drain",
    summary: "How far the emptying of a node is; null where none was begun in this maintenance",
    tag,
    role: "reader",
    params: NodePath,
    answer: { status: 200, schema: Type.Object({ drain: orNull(DrainBody) }) },
    async handle({ params, viewer }) {
      const drain = await service.get(params.name);
      return { body: { drain: drain && drainBody(drain, viewer) } };
    },
  });

  web.api({
    method: "POST",
    path: "/nodes/{name}/drain",
    summary: "Put a node into maintenance and migrate its guests away",
    description:
      "Guests that run go live, others are carried over; those that can't go stay, with the reasons. To end the maintenance, PATCH the node.",
    tag,
    role: "administrator",
    params: NodePath,
    answer: { status: 202, schema: DrainBody },
    async handle({ params, viewer }) {
      return { status: 202, body: drainBody(await service.begin(params.name, viewer.actor), viewer) };
    },
  });

  web.api({
    method: "POST",
    path: "/nodes/{name}/drain/cancel",
    summary: "Let no more guests leave, and call back those on their way; maintenance goes on",
    tag,
    role: "administrator",
    params: NodePath,
    answer: { status: 200, schema: DrainBody },
    async handle({ params, viewer }) {
      return { body: drainBody(await service.cancel(params.name), viewer) };
    },
  });
}

function told(reasons: readonly Reason[], { say }: Viewer) {
  return reasons.map(({ of, word, args }) => ({ of, word, detail: say(word, args) }));
}

function drainBody({ node, state, beganAt, endedAt, steps }: DrainView, viewer: Viewer) {
  return {
    node,
    state,
    beganAt,
    endedAt,
    steps: steps.map((step) => ({
      guestUuid: step.guestUuid,
      name: step.guestName,
      state: step.state,
      toNode: step.toNode,
      taskId: step.task,
      reasons: told(step.reasons ?? [], viewer),
    })),
  };
}
