/**
 * Questions for single things that are asked in the same moment become one. A group of reports that is committed
 * together wakes the next ones of as many nodes together, and each of them asks for its own row.
 */
export class Gathered<K, V> {
  private waiting = new Map<K, PromiseWithResolvers<V | undefined>>();

  /** `ask` answers with what there is of some keys; each is asked for once. */
  constructor(private readonly ask: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>) {}

  /** What there is of a key, as of now or later; undefined where there is nothing. Errors are those of the question. */
  of(key: K): Promise<V | undefined> {
    const known = this.waiting.get(key);
    if (known) return known.promise;
    const answer = Promise.withResolvers<V | undefined>();
    if (this.waiting.size === 0) queueMicrotask(() => void this.run());
    this.waiting.set(key, answer);
    return answer.promise;
  }

  private async run(): Promise<void> {
    const asked = this.waiting;
    this.waiting = new Map();
    try {
      const found = await this.ask([...asked.keys()]);
      for (const [key, answer] of asked) answer.resolve(found.get(key));
    } catch (error) {
      for (const answer of asked.values()) answer.reject(error);
    }
  }
}
