/** What may be said of a storage pool: one schema for the API, the page's forms and their checks. */
import { fieldError, listQuery, patternWord, type Static, Type } from "jimv";
import { refusedFolder } from "../nodes/index.ts";
import { poolKinds } from "./schema.ts";

const Name = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
  [patternWord]: "pools.nameForm",
});
const Path = Type.String({ minLength: 2, maxLength: 180, description: "The folder's full path on the node" });
const WarnPercent = Type.Integer({
  minimum: 1,
  maximum: 100,
  default: 85,
  description: "Fuller than this, the pool counts as nearly full",
});
const NodeName = Type.String({ minLength: 1, maxLength: 64 });
const plain = (maxLength: number, word: "pools.cephForm" | "pools.keyForm", pattern: string) =>
  Type.String({ minLength: 1, maxLength, pattern, [patternWord]: word });

export const CreatePool = Type.Object({
  name: Name,
  kind: Type.Unsafe<(typeof poolKinds)[number]>(Type.Union(poolKinds.map((kind) => Type.Literal(kind)))),
  path: Type.Optional(Path),
  nodeNames: Type.Array(NodeName, { minItems: 1, maxItems: 500, description: "The nodes that get it now" }),
  trustedSharedMount: Type.Boolean({
    default: false,
    description: "The folder is the same storage on all nodes, though its file system does not say so",
  }),
  warnPercent: WarnPercent,
  monitors: Type.Optional(
    plain(1000, "pools.cephForm", "^[A-Za-z0-9.:\\[\\]-]+([ ,]+[A-Za-z0-9.:\\[\\]-]+)*$"),
  ),
  cephPool: Type.Optional(plain(64, "pools.cephForm", "^[A-Za-z0-9._-]+$")),
  cephUser: Type.Optional(plain(64, "pools.cephForm", "^[A-Za-z0-9._-]+$")),
  cephKey: Type.Optional(plain(200, "pools.keyForm", "^[A-Za-z0-9+/]+={0,2}$")),
});
export type CreatePool = Static<typeof CreatePool>;

export const ChangePool = Type.Object({
  name: Type.Optional(Name),
  warnPercent: Type.Optional(WarnPercent),
  trustedSharedMount: Type.Optional(Type.Boolean()),
});
export type ChangePool = Static<typeof ChangePool>;

export const AddNode = Type.Object({
  nodeName: NodeName,
  path: Type.Optional(Path),
});
export type AddNode = Static<typeof AddNode>;

export const poolSorts = ["name", "kind", "usedPercent"] as const;
export const PoolListQuery = listQuery({
  sort: poolSorts,
  filters: {
    kind: Type.Unsafe<(typeof poolKinds)[number]>(Type.Union(poolKinds.map((kind) => Type.Literal(kind)))),
    nodeName: NodeName,
  },
});
export type PoolListQuery = Static<typeof PoolListQuery>;

/** @throws AppError invalid at the field `path` */
export function checkPath(path: string | undefined): void {
  if (path === undefined) throw fieldError("path", "pools.pathMissing");
  const refused = refusedFolder(path);
  if (refused) throw fieldError("path", refused, { path });
}
