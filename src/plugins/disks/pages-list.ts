/** The address of the disks' list, and what it asks the service for. */
import { check } from "jimv";
import { type ListState, listAddress, listPageSize } from "jimv/ui";
import { DiskListQuery } from "./contract.ts";
import { sortableColumns } from "./pages-parts.tsx";

/** The live view of the list. */
export const listLive = "disks";

/** What the address asks for: data disks, or all. */
export const diskList = listAddress({
  path: "/disks",
  shows: ["data", "all"],
  sorts: sortableColumns,
  sort: "name",
});
export type Asked = ListState<"data" | "all", (typeof sortableColumns)[number]>;

/** What the address asks the service for; null for what no disk can be. */
export function queryOf({ q, show, sort, page }: Asked): DiskListQuery | null {
  const query = check(DiskListQuery, { page, pageSize: listPageSize, sort, role: show, ...(q && { q }) });
  return query.ok ? query.value : null;
}
