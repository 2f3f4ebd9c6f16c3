/** What comes in about templates: one schema for the API, the page's form and its fields' checks. */
import { patternWord, type Static, Type } from "jimv";
import { initModes, osFamilies, templateIcons } from "./schema.ts";

const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));

export const OsFamilySchema = oneOf(osFamilies);
export const InitSchema = oneOf(initModes);
export const IconSchema = oneOf(templateIcons);

const Name = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^\\S(.*\\S)?$",
  [patternWord]: "templates.nameForm",
});
const UserName = Type.String({
  minLength: 1,
  maxLength: 32,
  pattern: "^[A-Za-z_][A-Za-z0-9._-]*$",
  [patternWord]: "templates.userForm",
});
const Size = Type.Integer({ minimum: 1, maximum: 65536 });

export const RegisterTemplate = Type.Object({
  name: Name,
  path: Type.String({ minLength: 1, maxLength: 1024, description: "The image's full path on the node" }),
  nodeName: Type.Optional(
    Type.String({ maxLength: 64, description: "May be left out where there is one node" }),
  ),
  osFamily: OsFamilySchema,
  isWindows: Type.Optional(Type.Boolean({ description: "The guest's clock runs in local time" })),
  defaultSizeGiB: Type.Optional(Size),
  icon: Type.Optional(IconSchema),
  init: InitSchema,
  userName: Type.Optional(UserName),
});
export type RegisterTemplate = Static<typeof RegisterTemplate>;

export const ChangeTemplate = Type.Object({
  name: Type.Optional(Name),
  osFamily: Type.Optional(OsFamilySchema),
  isWindows: Type.Optional(Type.Boolean()),
  defaultSizeGiB: Type.Optional(Size),
  icon: Type.Optional(IconSchema),
  init: Type.Optional(InitSchema),
  userName: Type.Optional(UserName),
});
export type ChangeTemplate = Static<typeof ChangeTemplate>;
