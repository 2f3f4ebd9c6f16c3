/** The wizard's one form. */
import { languages, NewPassword, PersonName, Type } from "jimv";
import { ConfigBody } from "../nodes/index.ts";

export const SetupForm = Type.Object({
  code: Type.String({ minLength: 1, maxLength: 64 }),
  name: PersonName,
  password: NewPassword,
  again: Type.String({ minLength: 1, maxLength: 200 }),
  language: Type.Union(languages.map((language) => Type.Literal(language))),
  storagePath: ConfigBody.properties.storagePath,
  /** Empty for JimV's own network. */
  bridge: Type.Optional(Type.String({ maxLength: 15 })),
  vncPortFirst: ConfigBody.properties.vncPortFirst,
  vncPortLast: ConfigBody.properties.vncPortLast,
});
