/** The API of storage pools. */
import { AppError, type ControllerContext, pageOf, pageSchema, sortOf, Type } from "jimv";
import { TaskAnswer, TaskBody, taskAnswer } from "../tasks/index.ts";
import type { PoolService } from "./contract.ts";
import { AddNode, ChangePool, CreatePool, PoolListQuery } from "./requests.ts";
import { type PoolView, type Problem, usedOf } from "./view.ts";

const count = Type.Union([Type.Integer(), Type.Null()]);
const ProblemBody = Type.Union([
  Type.Object({ word: Type.String(), detail: Type.String({ description: "Why, and what to do" }) }),
  Type.Null(),
]);

const PoolBody = Type.Object({
  id: Type.String({ description: "`local` for the pool of the nodes' storage folders" }),
  name: Type.String(),
  kind: Type.String({ description: "`local`, `shared`, `gluster` or `ceph`" }),
  path: Type.Union([Type.String(), Type.Null()]),
  ceph: Type.Union([
    Type.Object({ monitors: Type.Array(Type.String()), cephPool: Type.String(), user: Type.String() }),
    Type.Null(),
  ]),
  isShared: Type.Boolean({ description: "One storage for all its nodes" }),
  trustedSharedMount: Type.Boolean(),
  warnPercent: Type.Integer(),
  capacityBytes: count,
  availableBytes: count,
  usedPercent: count,
  trouble: Type.Union([Type.String({ description: "`nowhere`, `unhealthy` or `nearlyFull`" }), Type.Null()]),
  nodes: Type.Array(
    Type.Object({
      nodeName: Type.String(),
      path: Type.String(),
      libvirtName: Type.String(),
      state: Type.String(),
      healthy: Type.Boolean(),
      problem: ProblemBody,
      capacityBytes: Type.Integer(),
      availableBytes: Type.Integer(),
      usedPercent: Type.Integer(),
    }),
  ),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
});

const PoolPath = Type.Object({ id: Type.String({ maxLength: 36 }) });
const PresencePath = Type.Object({
  id: Type.String({ maxLength: 36 }),
  node: Type.String({ maxLength: 64 }),
});

type Say = (word: string, args?: Record<string, string | number>) => string;

function poolBody({ presences, ...pool }: PoolView, say: Say) {
  const told = (problem: Problem | null) =>
    problem && { word: problem.word, detail: say(problem.word, problem.args) };
  return {
    ...pool,
    nodes: presences.map(({ poolId: _, problem, ...rest }) => ({
      ...rest,
      problem: told(problem),
      usedPercent: usedOf({ poolId: "", problem, ...rest }),
    })),
  };
}

export function startRoutes(context: ControllerContext, service: PoolService): void {
  const tag = "Storage pools";
  const { web, tasks } = context;

  web.api({
    method: "GET",
    path: "/pools",
    summary: "The storage pools, with the nodes that have each",
    tag,
    role: "reader",
    query: PoolListQuery,
    answer: { status: 200, schema: pageSchema(PoolBody) },
    async handle({ query, viewer }) {
      const { q = "", kind, nodeName } = query;
      const found = (await service.list())
        .filter((pool) => pool.name.toLowerCase().includes(q.toLowerCase()))
        .filter((pool) => kind === undefined || pool.kind === kind)
        .filter(
          (pool) => nodeName === undefined || pool.presences.some((each) => each.nodeName === nodeName),
        );
      const { field, descending } = sortOf(query.sort, "name");
      found.sort((a, b) => compare(a[field], b[field]) * (descending ? -1 : 1));
      const from = (query.page - 1) * query.pageSize;
      const items = found.slice(from, from + query.pageSize).map((pool) => poolBody(pool, viewer.say));
      return { body: pageOf(items, found.length, query) };
    },
  });

  web.api({
    method: "POST",
    path: "/pools",
    summary: "Make a storage pool and put it on nodes",
    tag,
    role: "administrator",
    body: CreatePool,
    answer: { status: 202, schema: Type.Object({ pool: PoolBody, tasks: Type.Array(TaskBody) }) },
    async handle({ body, viewer }) {
      const { pool, tasks: begun } = await service.create(body, viewer.actor);
      const bodies = [];
      for (const { id } of begun) bodies.push((await taskAnswer(tasks, id, viewer)).body.task);
      return { status: 202, body: { pool: poolBody(pool, viewer.say), tasks: bodies } };
    },
  });

  web.api({
    method: "GET",
    path: "/pools/{id}",
    summary: "One storage pool",
    tag,
    role: "reader",
    params: PoolPath,
    answer: { status: 200, schema: PoolBody },
    handle: async ({ params, viewer }) => ({ body: poolBody(await service.need(params.id), viewer.say) }),
  });

  web.api({
    method: "PATCH",
    path: "/pools/{id}",
    summary: "Rename a pool, or change its warning level or its trust",
    tag,
    role: "administrator",
    params: PoolPath,
    body: ChangePool,
    answer: { status: 200, schema: Type.Object({ pool: PoolBody, task: Type.Null() }) },
    async handle({ params, body, viewer }) {
      if (Object.keys(body).length === 0) throw new AppError("invalid", "pools.nothingToChange", {});
      return { body: { pool: poolBody(await service.change(params.id, body), viewer.say), task: null } };
    },
  });

  web.api({
    method: "DELETE",
    path: "/pools/{id}",
    summary: "Forget a pool that no node has any more",
    tag,
    role: "administrator",
    params: PoolPath,
    answer: { status: 204 },
    async handle({ params }) {
      await service.remove(params.id);
      return {};
    },
  });

  web.api({
    method: "POST",
    path: "/pools/{id}/nodes",
    summary: "Put a pool on a node",
    tag,
    role: "administrator",
    params: PoolPath,
    body: AddNode,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, body, viewer }) {
      const { task } = await service.addNode(params.id, body, viewer.actor);
      return taskAnswer(tasks, task.id, viewer);
    },
  });

  web.api({
    method: "DELETE",
    path: "/pools/{id}/nodes/{node}",
    summary: "Take a pool away from a node; its files stay",
    tag,
    role: "administrator",
    params: PresencePath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      const { task } = await service.removeNode(params.id, params.node, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });
}

const compare = (a: string | number | null, b: string | number | null): number =>
  a === b ? 0 : (a ?? -1) < (b ?? -1) ? -1 : 1;
