/**
 * SQL that MariaDB 5.5 does not understand. That server can't be had any more, so what is sent to a newer one
 * is checked for words instead.
 */
const forbidden =
  /\b(json|jsonb|json_\w+|with(?!\s+consistent\s+snapshot)|recursive|over|lateral|returning|generated|virtual|check|default\s*\(|skip\s+locked|nowait|except|intersect|for\s+share|on\s+conflict|invisible|if\s+exists\s+\w+\.|row_number|now\s*\(\s*\d|cast\s*\(.*\bas\s+json)\b/i;

/** What 5.5 would not understand in the statement, or undefined. Names in quotes don't count. */
export function forbiddenIn(statement: string): string | undefined {
  const withoutNames = statement.replace(/`[^`]*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, " ");
  return forbidden.exec(withoutNames)?.[0];
}
