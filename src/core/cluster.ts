/**
 * What a cluster is known by, kept in the store: its id, which is written into every domain's metadata, and a
 * proof of which master key its secrets are sealed with.
 */
import { settings } from "./settings.ts";
import { eq, insert, type Store, StoreError, StoreUniqueError } from "./store/index.ts";
import type { Vault } from "./vault.ts";

const idRow = "cluster";
const proofRow = "cluster.masterKey";
const proofText = "this store's secrets are sealed with this key";

/** Reads the id, or makes one. Two programs that start at once agree on the first. */
export async function clusterIdOf(store: Store): Promise<string> {
  const { id } = await agreedOn(store, idRow, () => ({ id: crypto.randomUUID() }));
  return String(id);
}

/** Whether the store's secrets are sealed with a key yet: then a controller must have it, and may make none. */
export async function hasMasterKey(store: Store): Promise<boolean> {
  return (await store.first(settings, { where: eq(settings.plugin, proofRow) })) !== null;
}

/**
 * Refuses a master key that is not the one that the store's secrets are sealed with.
 * @throws StoreError whose message says what to do
 */
export async function checkMasterKey(store: Store, vault: Vault, path: string): Promise<void> {
  const { proof } = await agreedOn(store, proofRow, () => ({ proof: vault.seal(proofText) }));
  try {
    if (vault.unseal(String(proof)) === proofText) return;
  } catch {
    // Sealed with another key: said below.
  }
  throw new StoreError(wrongKey(path));
}

/** The sentence for a controller that lacks the cluster's master key. */
export const wrongKey = (path: string): string =>
  `${path} is not the master key that this store's secrets are sealed with: copy that file from the controller ` +
  "that made the store (its data folder), with mode 0600, and start again";

/**
 * A row that is made once and then the same for all: of programs that start at once, the first one's. Kept
 * beside the settings, under names that no plugin can have.
 */
export async function agreedOn(
  store: Store,
  row: string,
  make: () => Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const read = async () => (await store.first(settings, { where: eq(settings.plugin, row) }))?.values ?? null;
  const known = await read();
  if (known) return known;
  const made = make();
  try {
    await store.run(insert(settings, { plugin: row, values: made }));
    return made;
  } catch (error) {
    const other = error instanceof StoreUniqueError ? await read() : null;
    if (other) return other;
    throw error;
  }
}
