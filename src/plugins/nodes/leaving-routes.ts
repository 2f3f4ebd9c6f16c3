/** The API of removing a node and of taking a renamed one over. */
import { type ControllerContext, Type } from "jimv";
import { type Departure, fates } from "./departure.ts";
import type { Takeover } from "./takeover.ts";

const tag = "Nodes";
const NodePath = Type.Object({ name: Type.String({ maxLength: 64 }) });
const FateSchema = Type.Union(fates.map((fate) => Type.Literal(fate)));
const Fates = Type.Record(Type.String({ maxLength: 80 }), FateSchema);
const BelongingBody = Type.Object({
  key: Type.String(),
  kind: Type.String(),
  name: Type.String(),
  parts: Type.Array(Type.Object({ name: Type.String(), sizeGiB: Type.Integer() })),
});

export function leavingRoutes({ web }: ControllerContext, departure: Departure, takeover: Takeover): void {
  web.api({
    method: "GET",
    path: "/nodes/{name}/belongings",
    summary: "What hangs on a node, and must be settled when it is removed",
    tag,
    role: "reader",
    params: NodePath,
    answer: {
      status: 200,
      schema: Type.Object({ belongings: Type.Array(BelongingBody), openTasks: Type.Integer() }),
    },
    async handle({ params }) {
      const { belongings, tasks } = await departure.preview(params.name);
      return { body: { belongings, openTasks: tasks.length } };
    },
  });

  web.api({
    method: "POST",
    path: "/nodes/{name}/remove",
    summary: "Remove an offline node, and settle exactly what hangs on it",
    description:
      "`fates` has an entry for each key of its belongings: `forget` takes it off the books, `keep` lets it wait for the node's return. If they are not exactly those, nothing happens and the answer is 409.",
    tag,
    role: "administrator",
    params: NodePath,
    body: Type.Object({ fates: Fates }),
    answer: { status: 204 },
    async handle({ params, body }) {
      await departure.remove(params.name, new Map(Object.entries(body.fates)));
      return { status: 204 };
    },
  });

  web.api({
    method: "POST",
    path: "/nodes/{name}/take-over",
    summary: "Carry everything of an old name of this machine along to its new one",
    tag,
    role: "administrator",
    params: NodePath,
    body: Type.Object({ from: Type.String({ maxLength: 64 }) }),
    answer: { status: 204 },
    async handle({ params, body }) {
      await takeover.takeOver(body.from, params.name);
      return { status: 204 };
    },
  });
}
