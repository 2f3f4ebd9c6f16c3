/** The settings of all plugins in one place: which there are, what they are now, changing them. */
import { AppError, type ControllerContext, check, type Plugin, type TObject, type TSchema, Type } from "jimv";

/** A plugin that can be set. */
export interface Section {
  name: string;
  schema: TObject;
  values: Record<string, unknown>;
}

export class SettingsService {
  private readonly schemas: ReadonlyMap<string, TObject>;

  constructor(
    private readonly context: Pick<ControllerContext, "settings" | "commit" | "log">,
    plugins: readonly Plugin[],
  ) {
    this.schemas = new Map(
      plugins.flatMap(({ name, settings }) => (settings ? [[name, settings] as const] : [])),
    );
  }

  async list(): Promise<Section[]> {
    return Promise.all([...this.schemas.keys()].sort().map((name) => this.need(name)));
  }

  /** @throws AppError notFound */
  async need(name: string): Promise<Section> {
    const schema = this.schemas.get(name);
    if (!schema) throw new AppError("notFound", "settings.notFound", { plugin: name });
    return { name, schema, values: await this.context.settings.read(name, schema) };
  }

  /**
   * Changes some of a plugin's settings; the others stay. `by` is written to the log.
   * @throws AppError notFound, invalid with the fields
   */
  async change(name: string, values: Record<string, unknown>, by: string): Promise<Section> {
    const { schema } = await this.need(name);
    const named = Object.keys(values);
    const given = check(Type.Partial(schema), { ...values });
    if (!given.ok) throw new AppError("invalid", "settings.invalid", {}, { fields: given.errors });
    // Checking fills in defaults; what wasn't named must stay as it is.
    const change = Object.fromEntries(named.map((key) => [key, given.value[key]]));
    const { statements, events } = await this.context.settings.change(name, schema, change);
    await this.context.commit(statements, events);
    this.context.log.info("settings changed", { plugin: name, by, fields: named.join(",") });
    return this.need(name);
  }
}

/** What kind of field a setting gets; null for what only the API can change. */
export function controlOf(schema: TSchema): "number" | "boolean" | "text" | "choice" | null {
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "string") return "text";
  if (choicesOf(schema).length > 0) return "choice";
  return null;
}

/** The values of a union of literals. */
export function choicesOf(schema: TSchema): string[] {
  if (!Array.isArray(schema.anyOf)) return [];
  const literals = (schema.anyOf as TSchema[]).flatMap((branch) =>
    typeof branch.const === "string" ? [branch.const] : [],
  );
  return literals.length === schema.anyOf.length ? literals : [];
}
