/** Forms: what a browser posts, made into the types of a schema, and the schema made into HTML constraints. */
import { OptionalKind, type Static, type TObject, type TSchema, TypeGuard } from "@sinclair/typebox";
import { AppError, type FieldError } from "../errors.ts";
import type { FormSpec, Html, PageAnswer, PageCall, Viewer } from "./contract.ts";
import { fieldText } from "./problem.ts";
import { check, coerce, type Strings } from "./validate.ts";

/** A posted form as page handlers get it. */
export type Form = Readonly<Record<string, string | readonly string[]>>;

export type ParsedForm<T> =
  | { ok: true; value: T }
  /** `value` holds the fields that could be read, for checks of one field. */
  | { ok: false; errors: FieldError[]; value: Partial<T> };

/**
 * Makes a form's strings into the schema's types and checks them. An empty optional field counts as absent, a
 * checkbox that is off as false; fields that the schema doesn't know are left out.
 */
export function parseForm<S extends TObject>(schema: S, form: Form): ParsedForm<Static<S>> {
  const strings = new Map(
    Object.entries(form).map(([name, value]) => [name, typeof value === "string" ? [value] : value]),
  );
  const coerced = coerce(schema, strings, "form");
  const result = coerced.ok ? check(schema, coerced.value) : coerced;
  if (result.ok) return { ok: true, value: result.value as Static<S> };
  const value = coerced.ok ? (coerced.value as Partial<Static<S>>) : {};
  return { ok: false, errors: result.errors, value };
}

/** What a refused form is drawn again with: what was posted, which fields are wrong, and what else refused it. */
export interface TriedForm {
  posted: Form;
  errors: readonly FieldError[];
  /** A refusal that belongs to no field of the form; null when the fields say it all. */
  problem: AppError | null;
}

/** What was posted for a field; undefined where a form is drawn for the first time. */
export function typedIn(tried: TriedForm | null, name: string): string | undefined {
  const value = tried?.posted[name];
  return typeof value === "string" ? value : value?.at(-1);
}

/** As `typedIn`, of a field that takes several. */
export function listIn(tried: TriedForm | null, name: string): readonly string[] {
  const value = tried?.posted[name];
  return typeof value === "string" ? [value] : (value ?? []);
}

/** What is wrong with a field, or with something inside it, as the viewer reads it. */
export function errorIn(
  tried: TriedForm | null,
  name: string,
  viewer: Pick<Viewer, "say">,
): string | undefined {
  const wrong = tried?.errors.find((error) => error.path.split(".")[0] === name);
  return wrong ? fieldText(wrong, viewer.say) : undefined;
}

/** Refused forms come back with this status, so that the page swaps them in. */
const refusedStatus = 422;

/**
 * Carries out a posted form: checks it by its schema, acts, and answers a refusal with the form again. `again`
 * draws the form alone for htmx, or gives a whole page's answer (without its status) for a browser without script.
 * @throws what `act` throws beyond refusals
 */
export async function submitForm<S extends TObject>(
  call: PageCall,
  schema: S,
  form: {
    again(tried: TriedForm): Html | Promise<Html>;
    /** For whole pages; without it, the bare form is the answer in both cases. */
    page?(form: Html): Omit<Extract<PageAnswer, { page: Html }>, "status" | "page"> & { page: Html };
    act(value: Static<S>): Promise<PageAnswer>;
  },
): Promise<PageAnswer> {
  const refuse = async (errors: readonly FieldError[], problem: AppError | null): Promise<PageAnswer> => {
    const drawn = await form.again({ posted: call.form, errors, problem });
    return form.page && !call.partial
      ? { ...form.page(drawn), status: refusedStatus }
      : { fragment: drawn, status: refusedStatus };
  };
  const parsed = parseForm(schema, call.form);
  if (!parsed.ok) return refuse(parsed.errors, null);
  try {
    return await form.act(parsed.value);
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error;
    const atFields = error.fields.filter((field) => field.path in schema.properties);
    return refuse(atFields, atFields.length > 0 ? null : error);
  }
}

/** After an action that the live stream shows: nothing for htmx, the page again for a browser without script. */
export const actedOn = (call: Pick<PageCall, "partial">, back: string): PageAnswer =>
  call.partial ? { fragment: "", status: 204 } : { redirect: back };

/** The attributes of an `<input>`, as HTML writes them. */
export interface Constraints {
  required?: true;
  minlength?: number;
  maxlength?: number;
  pattern?: string;
  min?: number;
  max?: number;
  step?: number | "any";
}

/** What the browser can check of a field by itself. The server checks all of it again. */
export function constraintsOf(schema: TObject, field: string): Constraints {
  const described = schema.properties[field];
  if (!described) throw new Error(`the form's schema has no field "${field}"`);
  const constraints: Constraints = {};
  const optional = described[OptionalKind] !== undefined || described.default !== undefined;
  const inner = withoutNull(described);
  if (!optional && inner === described && !TypeGuard.IsBoolean(inner) && !TypeGuard.IsArray(inner)) {
    const mayBeEmpty = TypeGuard.IsString(inner) && (inner.minLength ?? 0) === 0;
    if (!mayBeEmpty) constraints.required = true;
  }
  if (TypeGuard.IsString(inner)) {
    if (inner.minLength) constraints.minlength = inner.minLength;
    if (inner.maxLength !== undefined) constraints.maxlength = inner.maxLength;
    // HTML matches the whole value by itself.
    if (inner.pattern !== undefined)
      constraints.pattern = inner.pattern.replace(/^\^/, "").replace(/\$$/, "");
  }
  if (TypeGuard.IsNumber(inner) || TypeGuard.IsInteger(inner)) {
    if (inner.minimum !== undefined) constraints.min = inner.minimum;
    if (inner.maximum !== undefined) constraints.max = inner.maximum;
    constraints.step = inner.multipleOf ?? (TypeGuard.IsInteger(inner) ? 1 : "any");
  }
  return constraints;
}

function withoutNull(schema: TSchema): TSchema {
  if (!TypeGuard.IsUnion(schema)) return schema;
  const [first, ...more] = schema.anyOf.filter((branch) => !TypeGuard.IsNull(branch));
  return first && more.length === 0 ? first : schema;
}

/** The text for one field of a form that a person just left; empty when it is fine. */
export async function fieldMessage(
  spec: FormSpec,
  form: Form,
  field: string,
  viewer: Viewer,
): Promise<string> {
  const parsed = parseForm(spec.schema, form);
  const wrong = parsed.ok ? undefined : parsed.errors.find((error) => error.path.split(".")[0] === field);
  if (wrong) return fieldText(wrong, viewer.say);
  const error = (await spec.check?.(parsed.value, field, viewer)) ?? null;
  if (!error) return "";
  const at = error.fields.find((each) => each.path.split(".")[0] === field);
  return at ? fieldText(at, viewer.say) : viewer.say(error.word, error.args);
}

/** As page handlers get it. Names can be anything, so the object has no prototype. */
export function formOf(strings: Strings): Record<string, string | string[]> {
  const form: Record<string, string | string[]> = Object.create(null);
  for (const [name, [first = "", ...more]] of strings)
    form[name] = more.length > 0 ? [first, ...more] : first;
  return form;
}
