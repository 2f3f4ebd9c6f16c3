/** The nodes' ranges of VNC ports as people see and size them. Guests book their ports themselves. */
import { AppError, type Static, Type } from "jimv";
import type { GuestService, VncHolder } from "../guests/index.ts";
import type { NodeService, NodeView } from "../nodes/index.ts";
import { fullness, mostSingles, type Square, sums } from "./picture.tsx";

export const VncRange = Type.Object({
  first: Type.Integer({ minimum: 1024, maximum: 65_535 }),
  last: Type.Integer({ minimum: 1024, maximum: 65_535 }),
});
export type VncRange = Static<typeof VncRange>;

export interface VncRangeView extends VncRange {
  node: string;
  size: number;
  used: number;
  free: number;
  /** Whether the node keeps them from other programs' connections; null before it said so. */
  isReserved: boolean | null;
}

export interface VncRangeDetail extends VncRangeView {
  holders: VncHolder[];
}

export const VncRangeBody = Type.Object({
  node: Type.String(),
  first: Type.Integer(),
  last: Type.Integer(),
  size: Type.Integer(),
  used: Type.Integer(),
  free: Type.Integer(),
  isReserved: Type.Union([
    Type.Boolean({ description: "Whether the node keeps them from other programs; null before it said so" }),
    Type.Null(),
  ]),
});
export const VncRangeDetailBody = Type.Object({
  ...VncRangeBody.properties,
  holders: Type.Array(
    Type.Object({
      port: Type.Integer(),
      guestUuid: Type.String(),
      guestName: Type.String(),
      isComing: Type.Boolean({ description: "It is on its way to this node" }),
    }),
  ),
});

export class VncPorts {
  constructor(
    private readonly nodes: Pick<NodeService, "list" | "need" | "resizePorts">,
    private readonly guests: Pick<GuestService, "vncCounts" | "vncHolders">,
  ) {}

  /** Of all nodes that are set up, by name. */
  async list(): Promise<VncRangeView[]> {
    const [nodes, counts] = await Promise.all([this.nodes.list(), this.guests.vncCounts()]);
    return nodes.flatMap((node) => viewOf(node, counts.get(node.name) ?? 0) ?? []);
  }

  /** @throws AppError notFound, conflict for a node that is not set up */
  async need(name: string): Promise<VncRangeDetail> {
    const holders = await this.guests.vncHolders(name);
    const view = viewOf(await this.nodes.need(name), holders.length);
    if (!view) throw new AppError("conflict", "nodes.portsUnchosen", { node: name });
    return { ...view, holders };
  }

  /** Grows or shrinks a range, never under used ports. @throws AppError notFound, invalid, conflict */
  async resize(name: string, { first, last }: VncRange): Promise<VncRangeDetail> {
    await this.nodes.resizePorts(name, { first, last });
    return this.need(name);
  }
}

function viewOf({ name, vnc, ports }: NodeView, used: number): VncRangeView | null {
  if (!vnc) return null;
  const { first, last } = vnc;
  const size = last - first + 1;
  const { reserved } = ports ?? {};
  const isReserved = reserved ? reserved.refused === null : null;
  return { node: name, first, last, size, used, free: Math.max(0, size - used), isReserved };
}

/** The range at a glance: port by port where it is small, else summed up. */
export function portSquares({ first, last, size, holders }: VncRangeDetail): Square[] {
  const held = holders.map(({ port }) => port).filter((port) => port >= first && port <= last);
  if (size <= mostSingles) {
    const taken = new Set(held);
    return Array.from({ length: size }, (_, at) => (taken.has(first + at) ? "used" : "free"));
  }
  const ends = Array.from({ length: sums + 1 }, (_, at) => first + Math.floor((size * at) / sums));
  return ends.slice(1).map((end, at) => {
    const begin = ends[at] as number;
    return fullness(held.filter((port) => port >= begin && port < end).length, end - begin);
  });
}
