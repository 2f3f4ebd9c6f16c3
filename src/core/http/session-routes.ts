/** The API of sessions and tokens. */
import { Type } from "@sinclair/typebox";
import type { ApiToken } from "../auth/access.ts";
import { csrfToken } from "../auth/secrets.ts";
import { AppError } from "../errors.ts";
import type { WebDesk } from "../plugin.ts";
import type { AccessService } from "./access-service.ts";
import { roles } from "./contract.ts";
import { patternWord } from "./validate.ts";
import type { Visitor } from "./visitor.ts";

/** What a user's name may look like; used wherever one is made. */
export const PersonName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[A-Za-z0-9._@\\u00c0-\\u1fff\\u2c00-\\ud7ff-]+$",
  [patternWord]: "access.nameForm",
});

/** A password to be set. Any characters; the least length is what guessing at a sign-in can't reach. */
export const NewPassword = Type.String({ minLength: 8, maxLength: 200 });

export const RoleSchema = Type.Unsafe<(typeof roles)[number]>(
  Type.Union(roles.map((role) => Type.Literal(role))),
);

export const TokenName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[A-Za-z0-9._@\\u00c0-\\u1fff\\u2c00-\\ud7ff-]+$",
  [patternWord]: "access.nameForm",
});

const SessionBody = Type.Object({
  name: Type.String(),
  role: RoleSchema,
  csrfToken: Type.String({ description: "Send it as X-CSRF-Token with every request but GET" }),
  expiresAt: Type.Integer({ description: "UTC milliseconds; 12 idle hours end the session sooner" }),
});

const TokenBody = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: RoleSchema,
  createdBy: Type.String(),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
  expiresAt: Type.Union([Type.Integer(), Type.Null()], {
    description: "UTC milliseconds, or null for never",
  }),
  usedAt: Type.Union([Type.Integer(), Type.Null()], { description: "UTC milliseconds, to the minute" }),
});

/**
 * Registers them with `api`.
 * @param visitorOf who is behind a request that the server has let in
 */
export function sessionRoutes(
  api: WebDesk["api"],
  access: AccessService,
  visitorOf: (request: Request) => Visitor,
): void {
  const tag = "Access";
  const sessionOf = (request: Request) => {
    const { by } = visitorOf(request);
    if (by.kind !== "session") throw new AppError("notFound", "access.noSession");
    return by;
  };
  api({
    method: "POST",
    path: "/sessions",
    tag,
    role: "anyone",
    summary: "Sign in",
    description:
      "Sets the cookie jimv_session. Requests other than GET then need the header X-CSRF-Token. After five failures of one name from one address, five minutes must pass.",
    // Bounds only: what a name or password must look like is nobody's business here.
    body: Type.Object({
      name: Type.String({ minLength: 1, maxLength: 200 }),
      password: Type.String({ minLength: 1, maxLength: 1000 }),
    }),
    answer: { status: 201, schema: SessionBody },
    async handle({ body, request, address }) {
      const { person, headers, ...rest } = await access.signIn(
        { request, address },
        body.name,
        body.password,
      );
      return { body: { name: person.name, role: person.role, ...rest }, headers };
    },
  });
  api({
    method: "GET",
    path: "/sessions/current",
    tag,
    role: "reader",
    summary: "The session of this request",
    answer: { status: 200, schema: SessionBody },
    handle({ request }) {
      const { person, secret, expiresAt } = sessionOf(request);
      const { name, role } = person;
      return { body: { name, role, csrfToken: csrfToken(secret), expiresAt } };
    },
  });
  api({
    method: "DELETE",
    path: "/sessions/current",
    tag,
    role: "reader",
    summary: "Sign out",
    answer: { status: 204 },
    async handle({ request }) {
      sessionOf(request);
      return { headers: await access.signOut(request) };
    },
  });
  api({
    method: "GET",
    path: "/tokens",
    tag,
    role: "administrator",
    summary: "List API tokens",
    answer: { status: 200, schema: Type.Object({ items: Type.Array(TokenBody), total: Type.Integer() }) },
    async handle() {
      const items = await access.tokens();
      return { body: { items, total: items.length } };
    },
  });
  api({
    method: "POST",
    path: "/tokens",
    tag,
    role: "administrator",
    summary: "Make an API token",
    description: "The answer's `token` is shown this once and can't be read again.",
    body: Type.Object({
      name: TokenName,
      role: RoleSchema,
      expiresAt: Type.Optional(
        Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
          description: "UTC milliseconds, or null for never",
        }),
      ),
    }),
    answer: { status: 201, schema: Type.Composite([TokenBody, Type.Object({ token: Type.String() })]) },
    async handle({ body, viewer }) {
      const { name, role, expiresAt = null } = body;
      const made = await access.createToken({ name, role, expiresAt, createdBy: viewer.actor.name });
      return { body: { ...(made.token satisfies ApiToken), token: made.secret } };
    },
  });
  api({
    method: "DELETE",
    path: "/tokens/{id}",
    tag,
    role: "administrator",
    summary: "Revoke an API token",
    params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 36 }) }),
    answer: { status: 204 },
    async handle({ params }) {
      await access.revokeToken(params.id);
      return {};
    },
  });
}
