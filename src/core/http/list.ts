/** What all list addresses have in common: pages, a search word, an order from a fixed list, filters. */
import {
  type TInteger,
  type TObject,
  type TOptional,
  type TSchema,
  type TString,
  type TUnsafe,
  Type,
} from "@sinclair/typebox";

export const pageSizeDefault = 50;
export const pageSizeMost = 200;

type SortValue<S extends string> = S | `-${S}`;

export type ListQuery<S extends string, F extends Record<string, TSchema>> = TObject<
  {
    page: TInteger;
    pageSize: TInteger;
    q: TOptional<TString>;
    sort: TOptional<TUnsafe<SortValue<S>>>;
  } & { [K in keyof F]: TOptional<F[K]> }
>;

/**
 * The query of a list: `page` from 1, `pageSize`, `q`, `sort` (one of `sort`, with `-` for descending) and
 * `filters` by field. Anything else is refused.
 */
export function listQuery<
  const S extends string,
  F extends Record<string, TSchema> = Record<never, never>,
>(list: { sort: readonly S[]; filters?: F }): ListQuery<S, F> {
  const orders = list.sort.flatMap((field) => [Type.Literal(field), Type.Literal(`-${field}`)]);
  const filters = Object.entries(list.filters ?? {}).map(([name, schema]) => [name, Type.Optional(schema)]);
  return Type.Object({
    page: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }),
    pageSize: Type.Integer({ minimum: 1, maximum: pageSizeMost, default: pageSizeDefault }),
    q: Type.Optional(Type.String({ maxLength: 200, description: "Words to look for" })),
    ...(orders.length > 0 && { sort: Type.Optional(Type.Union(orders)) }),
    ...Object.fromEntries(filters),
  }) as unknown as ListQuery<S, F>;
}

/** A `sort` value taken apart. */
export function sortOf<S extends string>(
  sort: SortValue<S> | undefined,
  otherwise: SortValue<S>,
): { field: S; descending: boolean } {
  const value = sort ?? otherwise;
  const descending = value.startsWith("-");
  return { field: (descending ? value.slice(1) : value) as S, descending };
}

/** How many rows to leave out and to read for a page. */
export const windowOf = (query: { page: number; pageSize: number }): { offset: number; limit: number } => ({
  offset: (query.page - 1) * query.pageSize,
  limit: query.pageSize,
});

export interface Page<T> {
  items: T[];
  page: number;
  pageSize: number;
  /** Rows on all pages. */
  total: number;
}

/** The answer of a list. */
export function pageOf<T>(items: T[], total: number, query: { page: number; pageSize: number }): Page<T> {
  return { items, page: query.page, pageSize: query.pageSize, total };
}

/** The schema of a list's answer. */
export function pageSchema<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(item),
    page: Type.Integer(),
    pageSize: Type.Integer(),
    total: Type.Integer({ description: "Entries on all pages" }),
  });
}
