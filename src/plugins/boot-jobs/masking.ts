/** What stands in a log instead of a secret. */
const mask = "••••";
/** A shorter end of a secret gives nothing away, and is found by chance. */
const leastEnd = 3;

/**
 * What a command said, without the secrets. Of a long output only the end was kept, so it may begin in the middle of
 * one: then its end is masked, too.
 */
export function masked(text: string, secrets: readonly string[]): string {
  const ends = secrets.flatMap((secret) =>
    Array.from({ length: Math.max(0, secret.length - leastEnd) }, (_, at) => secret.slice(at + 1)),
  );
  // One may hold another: the longest first.
  const longest = (some: readonly string[]): string[] => some.toSorted((a, b) => b.length - a.length);
  const begun = longest(ends).find((end) => text.startsWith(end));
  let clean = begun === undefined ? text : mask + text.slice(begun.length);
  for (const secret of longest(secrets)) if (secret !== "") clean = clean.replaceAll(secret, mask);
  return clean;
}
