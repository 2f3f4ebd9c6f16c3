/**
 * Who may speak on the road: the nodes that have joined, each as a user of its own where Redis can. The store
 * is the truth; Redis forgets its users at a restart, so they are made anew at each connection.
 */
import { createHash, randomBytes } from "node:crypto";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { nodeRules, type RedisAccess, type RedisKeys } from "./redis-keys.ts";
import type { RedisLink } from "./redis-link.ts";

/** A node as the store knows it. */
export interface RoadMember {
  name: string;
  /** SHA-256 of its Redis password in hex, as `newCredentials` gave it; null where Redis has no users (5). */
  passwordHash: string | null;
}

/** What a node signs in to Redis with. The password goes to the node alone; the store keeps the hash. */
export interface RoadCredentials {
  user: string;
  password: string;
  passwordHash: string;
}

interface MembersWorld {
  log: Log;
  keys: RedisKeys;
  link: RedisLink;
  /** Null until Redis was asked. */
  access: () => RedisAccess | null;
  list: () => Promise<readonly RoadMember[]>;
}

export class RoadMembers {
  private members: ReadonlyMap<string, RoadMember> = new Map();
  private named: { of: ReadonlyMap<string, RoadMember>; names: readonly string[] } = {
    of: new Map(),
    names: [],
  };
  /** False until the store was asked: until then nobody is shut out. */
  private known = false;

  constructor(private readonly world: MembersWorld) {}

  /** The same list until the members are read or changed anew. */
  names(): readonly string[] {
    if (this.named.of !== this.members) this.named = { of: this.members, names: [...this.members.keys()] };
    return this.named.names;
  }

  /** Makes a password for a node. Nothing is changed in Redis before `admit`. */
  newCredentials(node: string): RoadCredentials {
    const password = randomBytes(32).toString("base64url");
    const passwordHash = createHash("sha256").update(password).digest("hex");
    return { user: this.world.keys.user(node), password, passwordHash };
  }

  /**
   * Lets a node in at once. The store must list it by then, or it is shut out at the next look.
   * @throws RoadAwayError; then it is let in when Redis is back
   */
  async admit(member: RoadMember): Promise<void> {
    this.members = new Map([...this.members, [member.name, member]]);
    await this.apply(member);
  }

  /**
   * Shuts a node out at once, cuts its connections and removes its streams.
   * @throws RoadAwayError; then it is shut out when Redis is back, unless the store still lists it
   */
  async expel(node: string): Promise<void> {
    const members = new Map(this.members);
    members.delete(node);
    this.members = members;
    await this.remove([node]);
  }

  /** Reads the list anew, and lets in and shuts out who came and went. */
  async refresh(): Promise<void> {
    let listed: readonly RoadMember[];
    try {
      listed = await this.world.list();
    } catch (error) {
      this.world.log.debug("the nodes can't be listed", { error: errorText(error) });
      return;
    }
    if (!this.known) {
      this.known = true;
      this.members = new Map(listed.map((member) => [member.name, member]));
      this.applyAll();
      return;
    }
    const before = this.members;
    this.members = new Map(listed.map((member) => [member.name, member]));
    const came = listed.filter(({ name, passwordHash }) => before.get(name)?.passwordHash !== passwordHash);
    const went = [...before.keys()].filter((name) => !this.members.has(name));
    try {
      for (const member of came) await this.apply(member);
      if (went.length > 0) await this.remove(went);
    } catch (error) {
      this.world.log.debug("nodes are let in when Redis is back", { error: errorText(error) });
    }
  }

  /** On a new connection: makes all users, and removes those of nodes that went meanwhile. */
  applyAll(): void {
    if (!this.known || !this.world.link.status().connected) return;
    this.makeAll().catch((error) => {
      this.world.log.warn("the nodes' users in Redis can't be made: see that JimV's own user may use ACL", {
        error: errorText(error),
      });
    });
  }

  private async makeAll(): Promise<void> {
    const { keys, link } = this.world;
    if ((this.world.access() ?? "none") === "none") return;
    await Promise.all([...this.members.values()].map((member) => this.apply(member)));
    const users = await link.call(["ACL", "USERS"]);
    const gone = (Array.isArray(users) ? users : [])
      .map(String)
      .filter((user) => user.startsWith(keys.userPrefix))
      .map((user) => user.slice(keys.userPrefix.length))
      .filter((node) => !this.members.has(node));
    if (gone.length > 0) await this.remove(gone);
  }

  private async apply({ name, passwordHash }: RoadMember): Promise<void> {
    const access = this.world.access() ?? "none";
    if (access === "none" || passwordHash === null) return;
    await this.world.link.call(nodeRules(this.world.keys, name, passwordHash, access));
  }

  private async remove(nodes: readonly string[]): Promise<void> {
    const { keys, link } = this.world;
    const streams = nodes.flatMap((node) => [keys.commands(node), keys.reports(node)]);
    if ((this.world.access() ?? "none") !== "none")
      await link.call(["ACL", "DELUSER", ...nodes.map((node) => keys.user(node))]);
    await link.call(["DEL", ...streams]);
  }
}
