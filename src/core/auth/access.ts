/** People, their sessions and API tokens: who may come in, and who is there. Knows nothing of HTTP. */
import type { Clock } from "../clock.ts";
import { AppError, fieldError } from "../errors.ts";
import type { Role } from "../http/contract.ts";
import {
  and,
  asc,
  eq,
  gt,
  insert,
  lt,
  or,
  type Row,
  remove,
  type Store,
  StoreUniqueError,
  update,
} from "../store/index.ts";
import { timing } from "../timing.ts";
import type { Language } from "../words.ts";
import { Attempts } from "./attempts.ts";
import { hashPassword, passwordMatches } from "./passwords.ts";
import { apiTokens, sessions, users } from "./schema.ts";
import { hashOf, isApiToken, isSessionSecret, newApiToken, randomSecret } from "./secrets.ts";

export interface Person {
  id: string;
  name: string;
  role: Role;
  language: Language | null;
}

export interface Session {
  /** What the store knows it by; not what the cookie holds. */
  id: string;
  person: Person;
  createdAt: number;
  expiresAt: number;
}

/** A session that was just opened. `secret` goes into the cookie and is known nowhere else. */
export interface OpenedSession extends Session {
  secret: string;
}

export interface ApiToken {
  id: string;
  name: string;
  role: Role;
  createdBy: string;
  createdAt: number;
  /** UTC milliseconds, or null for never. */
  expiresAt: number | null;
  /** To the minute. */
  usedAt: number | null;
}

/** Sessions whose owner is remembered. */
const mostOwners = 1_000;

export class Access {
  private readonly attempts: Attempts;
  /** Whose session was asked for, as it was known last. */
  private readonly owners = new Map<string, string>();

  constructor(
    private readonly store: Store,
    private readonly clock: Pick<Clock, "now">,
  ) {
    this.attempts = new Attempts(clock);
  }

  /** Whether anybody could sign in at all. */
  async hasPeople(): Promise<boolean> {
    return (await this.store.count(users)) > 0;
  }

  /** @throws AppError conflict at `name` when it is taken */
  async createPerson(input: {
    name: string;
    password: string;
    role: Role;
    language: Language | null;
  }): Promise<Person> {
    const { name, role, language } = input;
    const id = crypto.randomUUID();
    const passwordHash = await hashPassword(input.password);
    const row = {
      id,
      name,
      nameKey: nameKey(name),
      passwordHash,
      role,
      language,
      createdAt: this.clock.now(),
    };
    try {
      await this.store.run(insert(users, row));
    } catch (error) {
      if (error instanceof StoreUniqueError)
        throw fieldError("name", "access.nameTaken", { name }, "conflict");
      throw error;
    }
    return { id, name, role, language };
  }

  /**
   * Gives a person a new password and ends their sessions. For who lost it and has the machine.
   * @throws AppError notFound
   */
  async setPassword(name: string, password: string): Promise<void> {
    const user = await this.store.first(users, { where: eq(users.nameKey, nameKey(name)) });
    if (!user) throw new AppError("notFound", "access.noSuchPerson", { name });
    const passwordHash = await hashPassword(password);
    await this.store.batch([
      update(users, { passwordHash }, eq(users.id, user.id), { expect: 1 }),
      remove(sessions, eq(sessions.userId, user.id)),
    ]);
  }

  /**
   * Opens a session for who knows the password. Unknown names take as long as wrong passwords.
   * @throws AppError unauthenticated, tooMany (with seconds), unavailable
   */
  async signIn(name: string, password: string, address: string): Promise<OpenedSession> {
    const key = nameKey(name);
    this.attempts.begin(address, key);
    const user = await this.store.first(users, { where: eq(users.nameKey, key) });
    const matches = await passwordMatches(password, user?.passwordHash ?? null);
    if (!user || !matches) throw new AppError("unauthenticated", "access.wrongPassword");
    this.attempts.succeed(address, key);
    return this.openSession(user, address);
  }

  /** Opens a session without a password: for the set-up, right after it made the first administrator. */
  async openSession(person: Person, address: string): Promise<OpenedSession> {
    const now = this.clock.now();
    const secret = randomSecret();
    const id = hashOf(secret);
    const expiresAt = now + timing.sessionLifeMilliseconds;
    await this.store.batch([
      // Whoever comes in sweeps up what ended.
      remove(
        sessions,
        or(lt(sessions.expiresAt, now), lt(sessions.usedAt, now - timing.sessionIdleMilliseconds)),
      ),
      insert(sessions, { idHash: id, userId: person.id, address, createdAt: now, usedAt: now, expiresAt }),
    ]);
    return { id, person: personOf(person), createdAt: now, expiresAt, secret };
  }

  /** The session of a cookie, or null. `use` says that a person did something: it puts off the idle end. */
  async session(secret: string, use: boolean): Promise<Session | null> {
    return isSessionSecret(secret) ? this.sessionById(hashOf(secret), use) : null;
  }

  /** As `session`, by the session's id. */
  async sessionById(id: string, use: boolean): Promise<Session | null> {
    const now = this.clock.now();
    const alive = and(
      eq(sessions.idHash, id),
      gt(sessions.expiresAt, now),
      gt(sessions.usedAt, now - timing.sessionIdleMilliseconds),
    );
    // Whose it was is asked along: one wait less for each page. Both are as the store has them now.
    const owner = this.owners.get(id);
    const [row, asked] = await Promise.all([
      this.store.first(sessions, { where: alive }),
      owner === undefined ? null : this.user(owner),
    ]);
    if (!row) return null;
    const user = asked?.id === row.userId ? asked : await this.user(row.userId);
    if (!user) return null;
    if (this.owners.size >= mostOwners) this.owners.clear();
    this.owners.set(id, user.id);
    if (use && now - row.usedAt > timing.sessionTouchMilliseconds)
      await this.store.run(update(sessions, { usedAt: now }, eq(sessions.idHash, id)));
    return { id, person: personOf(user), createdAt: row.createdAt, expiresAt: row.expiresAt };
  }

  private user(id: string): Promise<Row<typeof users> | null> {
    return this.store.first(users, { where: eq(users.id, id) });
  }

  async endSession(id: string): Promise<void> {
    await this.store.run(remove(sessions, eq(sessions.idHash, id)));
  }

  async setLanguage(personId: string, language: Language): Promise<void> {
    await this.store.run(update(users, { language }, eq(users.id, personId)));
  }

  /** The token that a client shows, or null when it is unknown, revoked or expired. */
  async token(secret: string): Promise<ApiToken | null> {
    if (!isApiToken(secret)) return null;
    const row = await this.store.first(apiTokens, { where: eq(apiTokens.hash, hashOf(secret)) });
    if (!row || this.expired(row)) return null;
    const now = this.clock.now();
    if (now - (row.usedAt ?? 0) > timing.sessionTouchMilliseconds)
      await this.store.run(update(apiTokens, { usedAt: now }, eq(apiTokens.id, row.id)));
    return tokenOf(row);
  }

  /** As `token`, by its id: whether a stream that it opened may go on. */
  async tokenById(id: string): Promise<ApiToken | null> {
    const row = await this.store.first(apiTokens, { where: eq(apiTokens.id, id) });
    return row && !this.expired(row) ? tokenOf(row) : null;
  }

  /** All tokens, by name. */
  async tokens(): Promise<ApiToken[]> {
    return (await this.store.select(apiTokens, { orderBy: asc(apiTokens.name) })).map(tokenOf);
  }

  /** Makes a token. Its secret is returned once and known nowhere else. @throws AppError conflict at `name` */
  async createToken(input: {
    name: string;
    role: Role;
    createdBy: string;
    /** UTC milliseconds, or null for never. */
    expiresAt: number | null;
  }): Promise<{ token: ApiToken; secret: string }> {
    if (input.expiresAt !== null && input.expiresAt <= this.clock.now())
      throw fieldError("expiresAt", "access.expiryPast");
    const secret = newApiToken();
    const token: ApiToken = { id: crypto.randomUUID(), ...input, createdAt: this.clock.now(), usedAt: null };
    try {
      await this.store.run(insert(apiTokens, { ...token, hash: hashOf(secret) }));
    } catch (error) {
      if (error instanceof StoreUniqueError)
        throw fieldError("name", "access.tokenNameTaken", { name: input.name }, "conflict");
      throw error;
    }
    return { token, secret };
  }

  /** @throws AppError notFound */
  async revokeToken(id: string): Promise<void> {
    if (!(await this.tokenRow(id))) throw new AppError("notFound", "access.noToken");
    await this.store.run(remove(apiTokens, eq(apiTokens.id, id)));
  }

  private tokenRow(id: string): Promise<Row<typeof apiTokens> | null> {
    return this.store.first(apiTokens, { where: eq(apiTokens.id, id) });
  }

  private expired(row: { expiresAt: number | null }): boolean {
    return row.expiresAt !== null && row.expiresAt <= this.clock.now();
  }
}

/** Names are compared without regard to case, and composed and decomposed letters are the same. */
const nameKey = (name: string): string => name.normalize("NFC").toLowerCase();

const personOf = ({ id, name, role, language }: Person): Person => ({ id, name, role, language });

const tokenOf = ({ id, name, role, createdBy, createdAt, expiresAt, usedAt }: ApiToken): ApiToken => ({
  id,
  name,
  role,
  createdBy,
  createdAt,
  expiresAt,
  usedAt,
});
