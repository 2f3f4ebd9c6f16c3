/**
 * Settings of plugins: each plugin describes its own with a schema; values that were never set have the
 * schema's defaults. Kept in the store, read from memory.
 */
import { type Static, type TObject, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { AppError } from "./errors.ts";
import { type EventRow, eq, json, type Statement, type Store, table, text, upsert } from "./store/index.ts";

export const settings = table("settings", {
  /** The plugin's name. */
  plugin: text(64).primaryKey(),
  values: json<Record<string, unknown>>().notNull(),
});

export interface SettingsDesk {
  /** A plugin's settings, defaults filled in. */
  read<S extends TObject>(plugin: string, schema: S): Promise<Static<S>>;
  /** What to commit to change some of them. @throws AppError invalid with the fields */
  change<S extends TObject>(
    plugin: string,
    schema: S,
    values: Partial<Static<S>>,
  ): Promise<{ statements: Statement[]; events: EventRow[] }>;
}

export class StoredSettings implements SettingsDesk {
  private readonly cache = new Map<string, Record<string, unknown>>();

  constructor(private readonly store: Store) {
    store.onEvents((events) => {
      for (const event of events) if (event.topic === "settings") this.cache.delete(event.key);
    });
  }

  /** Another controller may have changed some: they are read again. */
  forget(): void {
    this.cache.clear();
  }

  private async stored(plugin: string): Promise<Record<string, unknown>> {
    const cached = this.cache.get(plugin);
    if (cached) return cached;
    const row = await this.store.first(settings, { where: eq(settings.plugin, plugin) });
    const values = row?.values ?? {};
    this.cache.set(plugin, values);
    return values;
  }

  async read<S extends TObject>(plugin: string, schema: S): Promise<Static<S>> {
    const filled = Value.Default(schema, { ...(await this.stored(plugin)) });
    // Values of a setting that a newer version dropped or changed fall back to the default.
    return Value.Check(schema, filled) ? filled : Value.Cast(schema, filled);
  }

  async change<S extends TObject>(plugin: string, schema: S, values: Partial<Static<S>>) {
    const strict = Type.Object(schema.properties, { additionalProperties: false });
    const next = { ...(await this.read(plugin, schema)), ...values };
    const errors = [...Value.Errors(strict, next)];
    if (errors.length > 0)
      throw new AppError(
        "invalid",
        "settings.invalid",
        {},
        {
          fields: errors.map((error) => ({
            path: error.path.slice(1).replaceAll("/", "."),
            word: "settings.invalidField",
            args: { detail: error.message },
          })),
        },
      );
    return {
      statements: [upsert(settings, { plugin, values: next }, ["plugin"])],
      events: [{ topic: "settings", key: plugin }],
    };
  }
}
