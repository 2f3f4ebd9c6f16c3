/** The API of address pools. */
import { type ControllerContext, pageOf, pageSchema, sortOf, Type, type WebDesk, windowOf } from "jimv";
import { type VncPorts, VncRange, VncRangeBody, VncRangeDetailBody } from "./ports.ts";
import {
  AddressListQuery,
  CreateIpPool,
  DeleteIpPool,
  IpPoolListQuery,
  ReserveAddresses,
  TakeNext,
} from "./requests.ts";
import type { Addresses } from "./service.ts";
import { AddressBody, IpPoolBody } from "./view.ts";

const PoolPath = Type.Object({ id: Type.String({ maxLength: 36 }) });
const AddressPath = Type.Object({
  id: Type.String({ maxLength: 36 }),
  address: Type.String({ maxLength: 45 }),
});

const NodePath = Type.Object({ node: Type.String({ maxLength: 64 }) });

export function startRoutes(
  { web }: Pick<ControllerContext, "web">,
  service: Addresses,
  ports: VncPorts,
): void {
  portRoutes(web, ports);
  const tag = "Address pools";

  web.api({
    method: "GET",
    path: "/ip-pools",
    summary: "The address pools, with how many addresses are free",
    tag,
    role: "reader",
    query: IpPoolListQuery,
    answer: { status: 200, schema: pageSchema(IpPoolBody) },
    async handle({ query }) {
      const { q = "" } = query;
      const found = (await service.list()).filter((pool) =>
        pool.name.toLowerCase().includes(q.toLowerCase()),
      );
      const { field, descending } = sortOf(query.sort, "name");
      found.sort((a, b) => (a[field] < b[field] ? -1 : 1) * (descending ? -1 : 1));
      const { offset, limit } = windowOf(query);
      return { body: pageOf(found.slice(offset, offset + limit), found.length, query) };
    },
  });

  web.api({
    method: "POST",
    path: "/ip-pools",
    summary: "Make an address pool",
    tag,
    role: "administrator",
    body: CreateIpPool,
    answer: { status: 201, schema: IpPoolBody },
    handle: async ({ body }) => ({ status: 201, body: await service.create(body) }),
  });

  web.api({
    method: "GET",
    path: "/ip-pools/{id}",
    summary: "One address pool",
    tag,
    role: "reader",
    params: PoolPath,
    answer: { status: 200, schema: IpPoolBody },
    handle: async ({ params }) => ({ body: await service.need(params.id) }),
  });

  web.api({
    method: "PUT",
    path: "/ip-pools/{id}",
    summary: "Change an address pool; also grows and shrinks it, never under used or reserved addresses",
    tag,
    role: "administrator",
    params: PoolPath,
    body: CreateIpPool,
    answer: { status: 200, schema: IpPoolBody },
    handle: async ({ params, body }) => ({ body: await service.change(params.id, body) }),
  });

  web.api({
    method: "DELETE",
    path: "/ip-pools/{id}",
    summary: "Delete an address pool of which no address is used",
    tag,
    role: "administrator",
    params: PoolPath,
    body: Type.Optional(DeleteIpPool),
    answer: { status: 204 },
    async handle({ params, body }) {
      await service.remove(params.id, body ?? {});
      return {};
    },
  });

  web.api({
    method: "GET",
    path: "/ip-pools/{id}/addresses",
    summary: "The addresses of a pool that are not free, in order",
    tag,
    role: "reader",
    params: PoolPath,
    query: AddressListQuery,
    answer: { status: 200, schema: pageSchema(AddressBody) },
    async handle({ params, query }) {
      await service.need(params.id);
      const { state } = query;
      const { items, total } = await service.held(params.id, {
        ...(state ? { state } : {}),
        ...windowOf(query),
      });
      return { body: pageOf(items, total, query) };
    },
  });

  web.api({
    method: "POST",
    path: "/ip-pools/{id}/addresses",
    summary: "Reserve addresses: they are not given out",
    tag,
    role: "administrator",
    params: PoolPath,
    body: ReserveAddresses,
    answer: { status: 204 },
    async handle({ params, body }) {
      await service.reserve(params.id, body);
      return {};
    },
  });

  web.api({
    method: "POST",
    path: "/ip-pools/{id}/next",
    summary: "Reserve the next free address, for something that is no guest",
    tag,
    role: "operator",
    params: PoolPath,
    body: TakeNext,
    answer: { status: 201, schema: Type.Object({ address: Type.String() }) },
    handle: async ({ params, body }) => ({
      status: 201,
      body: { address: await service.reserveNext(params.id, body.remark ?? null) },
    }),
  });

  web.api({
    method: "DELETE",
    path: "/ip-pools/{id}/addresses/{address}",
    summary: "Make a reserved or resting address free",
    tag,
    role: "administrator",
    params: AddressPath,
    answer: { status: 204 },
    async handle({ params }) {
      await service.free(params.id, params.address);
      return {};
    },
  });
}

function portRoutes(web: WebDesk, ports: VncPorts): void {
  const tag = "VNC ports";

  web.api({
    method: "GET",
    path: "/vnc-ports",
    summary: "The nodes' ranges of VNC ports, with how many are used",
    tag,
    role: "reader",
    answer: { status: 200, schema: Type.Object({ items: Type.Array(VncRangeBody) }) },
    handle: async () => ({ body: { items: await ports.list() } }),
  });

  web.api({
    method: "GET",
    path: "/vnc-ports/{node}",
    summary: "A node's range of VNC ports, and who has which",
    tag,
    role: "reader",
    params: NodePath,
    answer: { status: 200, schema: VncRangeDetailBody },
    handle: async ({ params }) => ({ body: await ports.need(params.node) }),
  });

  web.api({
    method: "PUT",
    path: "/vnc-ports/{node}",
    summary: "Grow or shrink a node's range of VNC ports, never under used ones",
    tag,
    role: "administrator",
    params: NodePath,
    body: VncRange,
    answer: { status: 200, schema: VncRangeDetailBody },
    handle: async ({ params, body }) => ({ body: await ports.resize(params.node, body) }),
  });
}
