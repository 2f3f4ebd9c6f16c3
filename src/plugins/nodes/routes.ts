/** The API of nodes. */
import { type ControllerContext, listQuery, pageOf, pageSchema, patternWord, Type } from "jimv";
import { TaskAnswer, taskAnswer } from "../tasks/index.ts";
import { defaultVncPorts, type NodeProgram, type NodeService } from "./service.ts";
import { type NodeView, troubleOf } from "./view.ts";

const stateSchema = Type.Union([Type.Literal("live"), Type.Literal("silent"), Type.Literal("offline")]);
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const known = { additionalProperties: true };
const Problem = Type.Object({ word: Type.String(), args: Type.Object({}, known), detail: Type.String() });

const NodeBody = Type.Object({
  name: Type.String(),
  state: stateSchema,
  trouble: orNull(Type.String({ description: "What is wrong, worst first, or null" })),
  acceptsGuests: Type.Boolean({ description: "Whether new guests go there by themselves" }),
  maintenance: Type.Boolean({ description: "Whether it takes no guests at all, also not by name" }),
  refused: orNull(Problem),
  configured: Type.Boolean(),
  config: Type.Object({ state: Type.String(), error: orNull(Problem), notes: Type.Array(Problem) }),
  version: Type.String(),
  facts: orNull(Type.Object({}, known)),
  load: orNull(Type.Object({}, known)),
  hypervisor: orNull(Type.Object({}, known)),
  lamps: Type.Array(Type.Object({}, known)),
  storage: orNull(
    Type.Object({
      poolName: Type.String(),
      path: Type.String(),
      capacityBytes: Type.Integer(),
      availableBytes: Type.Integer(),
    }),
  ),
  network: orNull(Type.Object({}, known)),
  networks: Type.Array(Type.Object({}, known)),
  bridges: Type.Array(Type.String()),
  addresses: Type.Array(Type.Object({ name: Type.String(), address: Type.String() })),
  vnc: orNull(Type.Object({ first: Type.Integer(), last: Type.Integer(), listen: Type.String() })),
  managementAddress: orNull(Type.String()),
  heardAt: Type.Integer({ description: "UTC milliseconds" }),
  clockAheadMilliseconds: Type.Number({ description: "How far its clock is ahead of the controller's" }),
});

const NodePath = Type.Object({ name: Type.String({ maxLength: 64 }) });

export const ManagementAddress = Type.String({
  maxLength: 45,
  pattern: "^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$",
  [patternWord]: "nodes.address.form",
});

/** What is chosen for a node; the page's form and the set-up use it, too. */
export const ConfigBody = Type.Object({
  storagePath: Type.String({ minLength: 1, maxLength: 180, description: "Where guests' disks live" }),
  bridge: Type.Optional(
    Type.Union([Type.String({ minLength: 1, maxLength: 15 }), Type.Null()], {
      default: null,
      description: "A bridge of the machine, or null for JimV's own NAT network",
    }),
  ),
  vncPortFirst: Type.Integer({ minimum: 1024, maximum: 65535, default: defaultVncPorts.first }),
  vncPortLast: Type.Integer({ minimum: 1024, maximum: 65535, default: defaultVncPorts.last }),
});

const sortable = ["name", "state", "heardAt"] as const;

export function startRoutes(context: ControllerContext, service: NodeService): void {
  const tag = "Nodes";

  context.web.api({
    method: "GET",
    path: "/nodes",
    summary: "The nodes, with what each reported last",
    tag,
    role: "reader",
    query: listQuery({ sort: sortable, filters: { state: stateSchema } }),
    answer: { status: 200, schema: pageSchema(NodeBody) },
    async handle({ query, viewer }) {
      const wanted = (await service.list())
        .filter((node) => query.state === undefined || node.state === query.state)
        .filter((node) => node.name.toLowerCase().includes((query.q ?? "").toLowerCase()));
      const sort = query.sort ?? "name";
      const field = sortable.find((one) => sort.endsWith(one)) ?? "name";
      wanted.sort((a, b) => compare(a[field], b[field]) * (sort.startsWith("-") ? -1 : 1));
      const from = (query.page - 1) * query.pageSize;
      const items = wanted.slice(from, from + query.pageSize);
      const programs = await service.programs(items.map(({ name }) => name));
      return {
        body: pageOf(
          items.map((node) => nodeBody(node, programs, viewer.say)),
          wanted.length,
          query,
        ),
      };
    },
  });

  context.web.api({
    method: "GET",
    path: "/nodes/{name}",
    summary: "One node",
    tag,
    role: "reader",
    params: NodePath,
    answer: { status: 200, schema: NodeBody },
    async handle({ params, viewer }) {
      const node = await service.need(params.name);
      return { body: nodeBody(node, await service.programs([node.name]), viewer.say) };
    },
  });

  context.web.api({
    method: "PATCH",
    path: "/nodes/{name}",
    summary: "Change whether new guests go to a node, its maintenance, or its management address",
    tag,
    role: "administrator",
    params: NodePath,
    body: Type.Object({
      acceptsGuests: Type.Optional(Type.Boolean()),
      managementAddress: Type.Optional(Type.Union([ManagementAddress, Type.Null()])),
      maintenance: Type.Optional(Type.Boolean()),
    }),
    answer: { status: 200, schema: Type.Object({ node: NodeBody, task: Type.Null() }) },
    async handle({ params, body, viewer }) {
      const changed = await service.change(params.name, body);
      const node = nodeBody(changed, await service.programs([changed.name]), viewer.say);
      return { body: { node, task: null } };
    },
  });

  context.web.api({
    method: "POST",
    path: "/nodes/{name}/configure",
    summary: "Set a node up: storage folder, network, VNC ports",
    tag,
    role: "administrator",
    params: NodePath,
    body: ConfigBody,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, body, viewer }) {
      const id = await service.configure(params.name, { bridge: null, ...body }, viewer.actor);
      return taskAnswer(context.tasks, id, viewer);
    },
  });
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);

type Say = (word: string, args?: Record<string, string | number>) => string;

function nodeBody(node: NodeView, programs: ReadonlyMap<string, NodeProgram>, say: Say) {
  const { ports, config, ...rest } = node;
  const refusal = programs.get(node.name)?.refusal ?? null;
  const told = (problem: { word: string; args: Record<string, string | number> }) => ({
    ...problem,
    detail: say(problem.word, problem.args),
  });
  return {
    ...rest,
    config: {
      state: config.state,
      error: config.error ? told(config.error) : null,
      notes: config.notes.map(told),
    },
    trouble: troubleOf(node),
    version: programs.get(node.name)?.version ?? "",
    refused: refusal ? told(refusal) : null,
  };
}
