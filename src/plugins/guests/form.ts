/**
 * The create form: the API's own schema, with what a form can't nest (keys, data disks) made flat. Whatever a
 * person posts is turned into a `CreateGuest` and checked by that schema once more, so both say the same.
 */
import { type AppError, check, type FieldError, fieldError, type Static, Type } from "jimv";
import { CreateGuest } from "./requests.ts";

const {
  name,
  templateId,
  vcpus,
  memoryMiB,
  diskSizeGiB,
  quantity,
  nodeName,
  poolId,
  password,
  linked,
  start,
  remark,
} = CreateGuest.properties;

/** Field by field as they stand in the form. */
export const GuestForm = Type.Object({
  name,
  templateId,
  vcpus,
  memoryMiB,
  diskSizeGiB,
  quantity,
  nodeName,
  poolId,
  password,
  linked,
  start,
  remark,
  /** One line each. */
  sshKeys: Type.Optional(Type.String({ maxLength: 100_000 })),
  dataDiskGiB: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 64 * 1024 }), { maxItems: 16 })),
});
export type GuestForm = Static<typeof GuestForm>;

const keysOf = (lines: string): string[] =>
  lines
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** What the form asks of the service, or the fields of the form that are wrong. */
export function requestOf(
  form: GuestForm,
  extras: Pick<CreateGuest, "extras"> = {},
): { ok: true; value: CreateGuest } | { ok: false; errors: FieldError[] } {
  const { sshKeys, dataDiskGiB, ...rest } = form;
  const keys = keysOf(sshKeys ?? "");
  const result = check(CreateGuest, {
    ...rest,
    ...extras,
    ...(keys.length > 0 && { sshKeys: keys }),
    ...(dataDiskGiB && dataDiskGiB.length > 0 && { dataDisks: dataDiskGiB.map((sizeGiB) => ({ sizeGiB })) }),
  });
  return result.ok ? result : { ok: false, errors: result.errors.map(atFormField) };
}

/** The same error at the form's own field: `sshKeys.2` stands at the keys, `dataDisks.0.sizeGiB` at the disks. */
export function atFormField(error: FieldError): FieldError {
  const [first = "", index] = error.path.split(".");
  if (first === "sshKeys" && index !== undefined)
    return { path: "sshKeys", word: "guests.page.badKey", args: { line: Number(index) + 1 } };
  return { ...error, path: first === "dataDisks" ? "dataDiskGiB" : first };
}

/** What is wrong with one line of the keys, for the check on leaving the field. */
export function keyError(lines: string): AppError | null {
  const probe = Type.Object({ sshKeys: CreateGuest.properties.sshKeys });
  const result = check(probe, { sshKeys: keysOf(lines) });
  if (result.ok) return null;
  const [first] = result.errors.map(atFormField);
  return first ? fieldError(first.path, first.word, first.args) : null;
}
