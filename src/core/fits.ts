/** Whether what came from elsewhere has the form that it should have: for what programs say to each other. */
import type { Static, TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();

/**
 * As TypeBox's `Value.Check`, with the schema compiled at its first use: hundreds of reports a second are checked. The
 * schema is one that lives as long as the program does.
 */
export function fits<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  let check = compiled.get(schema);
  if (!check) {
    check = TypeCompiler.Compile<TSchema>(schema);
    compiled.set(schema, check);
  }
  return check.Check(value);
}
