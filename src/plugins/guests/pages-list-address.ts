/** The address of the guests' list. */
import { type ListState, listAddress } from "jimv/ui";
import { sortableColumns } from "./pages-parts.tsx";
import { type GuestGroup, guestGroups } from "./states.ts";

export const groups = Object.keys(guestGroups) as GuestGroup[];
export const newestFirst = "-createdAt";

/** What the address asks for: a group of states, or the domains that are not JimV's. */
export const guestList = listAddress({
  path: "/guests",
  shows: ["all", ...groups, "foreign"],
  sorts: sortableColumns,
  sort: newestFirst,
});
export type Show = "all" | "foreign" | GuestGroup;
export type Asked = ListState<Show, (typeof sortableColumns)[number]>;
