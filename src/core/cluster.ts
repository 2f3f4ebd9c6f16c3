/** The cluster's id: made at the first start, kept in the store, written into every domain's metadata. */
import { settings } from "./settings.ts";
import { eq, insert, type Store, StoreUniqueError } from "./store/index.ts";

const row = "cluster";

/** Reads the id, or makes one. Two programs that start at once agree on the first. */
export async function clusterIdOf(store: Store): Promise<string> {
  const read = async (): Promise<string | null> => {
    const found = await store.first(settings, { where: eq(settings.plugin, row) });
    return typeof found?.values.id === "string" ? found.values.id : null;
  };
  const known = await read();
  if (known) return known;
  const id = crypto.randomUUID();
  try {
    await store.run(insert(settings, { plugin: row, values: { id } }));
    return id;
  } catch (error) {
    const other = error instanceof StoreUniqueError ? await read() : null;
    if (other) return other;
    throw error;
  }
}
