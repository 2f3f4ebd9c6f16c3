/**
 * How a machine becomes a node: with a one-time token, once. The token's use, the node's row and its key are
 * one batch, so nothing is ever half joined; the road is opened after it, and the same machine may ask again
 * with the same token until it has heard the answer.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  type Actor,
  AppError,
  and,
  type ControllerContext,
  eq,
  fieldError,
  gt,
  insert,
  isNull,
  lt,
  made,
  ne,
  peers,
  remove,
  type ServiceKey,
  type Static,
  StoreExpectationError,
  StoreUniqueError,
  serviceKey,
  Type,
  timing,
  update,
} from "jimv";
import { joinTokens, nodes } from "./schema.ts";
import { freshRow, nodeEvent } from "./service.ts";

/** How a node reaches the road, with a name and a secret of its own. */
export const RoadTicket = Type.Object({
  url: Type.String(),
  user: Type.Union([Type.String(), Type.Null()]),
  password: Type.Union([Type.String(), Type.Null()]),
  /** PEM of the authority that signed the road's certificate, or null for the system's. */
  ca: Type.Union([Type.String(), Type.Null()]),
});
export type RoadTicket = Static<typeof RoadTicket>;

/** What the program of a cluster's controller provides; in one process there is no door. */
export interface ClusterDoor {
  clusterId: string;
  protocol: number;
  /** SHA-256 of the certificate that this controller shows, hex with colons; null where it speaks no TLS. */
  fingerprint: string | null;
  /** PEM of the cluster's authority. */
  authority: string;
  /** A certificate by it. @throws Error for a bad key */
  sign(publicKey: string, name: string, addresses: readonly string[]): string;
  /** Makes a secret for a node on the road. Nothing is open before `admit`; the store keeps the hash. */
  newTicket(node: string): { ticket: RoadTicket; hash: string | null };
  /** Lets a node onto the road that the store has by now. @throws Error while the road is away */
  admit(node: string, hash: string | null): Promise<void>;
  /** What a person should know of how Redis is set up; empty also while it was never reached. */
  warnings(): readonly RoadWarning[];
  /** Shuts a node out. @throws Error while the road is away */
  expel(node: string): Promise<void>;
}
export const clusterDoor: ServiceKey<ClusterDoor> = serviceKey("clusterDoor");

const address = "^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$";

/**
 * - `noAccess`, `keysOnly`: how far this Redis keeps nodes apart
 * - `open`: whoever reaches it needs no password
 * - `notKept`: it keeps nothing over a restart
 * - `evicts`: when its memory is full it drops what it was given
 */
export type RoadWarning = "noAccess" | "keysOnly" | "open" | "notKept" | "evicts";

/** What a machine says when it joins. */
export const JoinRequest = Type.Object({
  token: Type.String({ maxLength: 200 }),
  name: Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9._-]+$" }),
  machineId: Type.String({ minLength: 1, maxLength: 64 }),
  publicKey: Type.String({
    maxLength: 128,
    description: "X25519, SPKI, base64url: secrets are sealed to it",
  }),
  tlsKey: Type.String({
    maxLength: 200,
    description: "P-256, SPKI, base64url: a certificate is made for it",
  }),
  address: Type.Union([Type.String({ maxLength: 45, pattern: address }), Type.Null()]),
  version: Type.String({ maxLength: 32 }),
  protocol: Type.Integer(),
});
export type JoinRequest = Static<typeof JoinRequest>;

/** What it gets. */
export const JoinAnswer = Type.Object({
  clusterId: Type.String(),
  name: Type.String(),
  road: RoadTicket,
  certificate: Type.String({ description: "PEM, for the TLS key" }),
  authority: Type.String({ description: "PEM of the cluster's authority" }),
});
export type JoinAnswer = Static<typeof JoinAnswer>;

const tokenPrefix = "jimvjoin";
const noFingerprint = "none";

/**
 * The text of a token: a secret, and the fingerprint by which the machine knows the controller, so that it
 * sends the secret to no one else.
 */
export function tokenText(secret: string, fingerprint: string | null): string {
  const mark = fingerprint?.replaceAll(":", "").toLowerCase() ?? noFingerprint;
  return `${tokenPrefix}.${secret}.${mark}`;
}

/** The fingerprint in a token (64 hex digits), null where it has none; undefined for what is no token. */
export function fingerprintIn(token: string): string | null | undefined {
  const match = /^jimvjoin\.[\w-]{32}\.(none|[0-9a-f]{64})$/.exec(token);
  if (!match) return undefined;
  return match[1] === noFingerprint ? null : match[1];
}

const hashOf = (token: string): string =>
  createHash("sha256")
    .update(token.split(".")[1] ?? "")
    .digest("hex");

/** Two nodes with one address: migrations and screens would end at the wrong one. */
export const addressTaken = (address: string): AppError =>
  fieldError("managementAddress", "nodes.address.taken", { address }, "conflict");

type Ground = Pick<ControllerContext, "store" | "clock" | "log" | "commit">;

/** Makes a token. Those that ended go with it. `token` is shown once and kept nowhere. */
export async function makeJoinToken(
  ground: Pick<Ground, "store" | "clock">,
  fingerprint: string | null,
  actor: Actor,
): Promise<{ token: string; expiresAt: number }> {
  const now = ground.clock.now();
  const token = tokenText(randomBytes(24).toString("base64url"), fingerprint);
  const expiresAt = now + timing.joinTokenMilliseconds;
  await ground.store.batch([
    remove(joinTokens, lt(joinTokens.expiresAt, now)),
    insert(joinTokens, {
      id: crypto.randomUUID(),
      hash: hashOf(token),
      createdBy: `${actor.kind}:${actor.name}`.slice(0, 128),
      createdAt: now,
      expiresAt,
      usedAt: null,
      usedBy: null,
      usedMachine: null,
    }),
  ]);
  return { token, expiresAt };
}

/** Lets machines in. */
export class Joining {
  constructor(
    private readonly ground: Ground,
    private readonly door: ClusterDoor,
  ) {}

  makeToken(actor: Actor): Promise<{ token: string; expiresAt: number }> {
    return makeJoinToken(this.ground, this.door.fingerprint, actor);
  }

  /** @throws AppError whose sentence the machine's administrator reads, too */
  async join(request: JoinRequest, from: string): Promise<JoinAnswer> {
    const { log } = this.ground;
    const { name, machineId } = request;
    try {
      const answer = await this.joinOnce(request);
      log.info("a machine joined", { node: name, machine: machineId, from });
      return answer;
    } catch (error) {
      const reason = error instanceof AppError ? error.word : String(error);
      log.warn("a machine was not let in", { node: name, machine: machineId, from, reason });
      throw error;
    }
  }

  private async joinOnce(request: JoinRequest): Promise<JoinAnswer> {
    const { door } = this;
    const { name, address } = request;
    await this.checkToken(request);
    this.checkProtocol(request);
    await this.checkName(request);
    await this.checkAddress(request);
    let certificate: string;
    try {
      certificate = door.sign(request.tlsKey, name, address === null ? [] : [address]);
    } catch {
      throw new AppError("invalid", "nodes.join.badKey");
    }
    const { ticket, hash } = door.newTicket(name);
    await this.write(request, hash);
    try {
      await door.admit(name, hash);
      return { clusterId: door.clusterId, name, road: ticket, certificate, authority: door.authority };
    } catch (cause) {
      throw new AppError("unavailable", "nodes.join.roadAway", { seconds: 5 }, { cause });
    }
  }

  /** Wrong, ended and used tokens are told apart: only who has a right one learns more than "wrong". */
  private async checkToken({ token, name, machineId }: JoinRequest): Promise<void> {
    const { store, clock } = this.ground;
    const known =
      fingerprintIn(token) === undefined
        ? null
        : await store.first(joinTokens, { where: eq(joinTokens.hash, hashOf(token)) });
    if (!known) throw new AppError("forbidden", "nodes.join.wrongToken");
    if (known.expiresAt <= clock.now()) throw new AppError("forbidden", "nodes.join.oldToken");
    if (known.usedAt !== null && (known.usedMachine !== machineId || known.usedBy !== name))
      throw new AppError("forbidden", "nodes.join.usedToken", { node: known.usedBy ?? "" });
  }

  private checkProtocol({ name, protocol, version }: JoinRequest): void {
    const ours = this.door.protocol;
    if (Math.abs(protocol - ours) <= 1) return;
    const word = protocol < ours ? "node.refused.tooOld" : "node.refused.tooNew";
    throw new AppError("conflict", word, { node: name, version, theirs: protocol, ours });
  }

  private async checkName({ name, machineId }: JoinRequest): Promise<void> {
    const { store } = this.ground;
    const holder = await store.first(peers, { where: eq(peers.name, name) });
    if (holder && holder.machineId !== "" && holder.machineId !== machineId)
      throw new AppError("conflict", "node.refused.taken", { node: name, machine: machineId });
  }

  private async checkAddress({ name, address }: JoinRequest): Promise<void> {
    if (address === null) return;
    const { store } = this.ground;
    const where = and(eq(nodes.managementAddress, address), ne(nodes.name, name));
    const holder = await store.first(nodes, { where });
    if (holder) throw addressTaken(address);
  }

  private async write(request: JoinRequest, roadHash: string | null): Promise<void> {
    const { store, clock, commit } = this.ground;
    const { token, name, machineId, publicKey, version, protocol, address } = request;
    const now = clock.now();
    const hash = hashOf(token);
    // Anew by the same machine (its answer was lost), or for the first time by any: nothing in between.
    const again = and(eq(joinTokens.usedMachine, machineId), eq(joinTokens.usedBy, name));
    const used = await store.first(joinTokens, { where: and(eq(joinTokens.hash, hash), again) });
    const mine = and(
      eq(joinTokens.hash, hash),
      gt(joinTokens.expiresAt, now),
      used ? again : isNull(joinTokens.usedAt),
    );
    const spent = { usedAt: used?.usedAt ?? now, usedBy: name, usedMachine: machineId };
    const before = await store.first(peers, { where: eq(peers.name, name) });
    const known = { machineId, publicKey, version, protocol, roadHash, refusal: null, heardAt: now };
    const isNode = (await store.first(nodes, { where: eq(nodes.name, name) })) !== null;
    try {
      await commit(
        [
          update(joinTokens, spent, mine, { expect: 1 }),
          before
            ? update(peers, known, and(eq(peers.name, name), eq(peers.machineId, before.machineId)), {
                expect: 1,
              })
            : insert(peers, {
                name,
                ...known,
                features: [],
                incarnation: 0,
                generation: "",
                position: -1,
              }),
          isNode
            ? update(nodes, { managementAddress: address }, eq(nodes.name, name))
            : insert(nodes, { ...freshRow(name, now), managementAddress: address }),
        ],
        [nodeEvent(name, { joined: true, ...made })],
      );
    } catch (error) {
      // Somebody else was quicker with the token, the name or the address.
      if (error instanceof StoreExpectationError)
        throw new AppError("forbidden", "nodes.join.usedToken", { node: name }, { cause: error });
      if (!(error instanceof StoreUniqueError)) throw error;
      if (error.index === "nodes_address") throw addressTaken(address ?? "");
      throw new AppError(
        "conflict",
        "node.refused.taken",
        { node: name, machine: machineId },
        { cause: error },
      );
    }
  }
}
