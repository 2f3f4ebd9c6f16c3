/** What of the disks' pages changes by itself. */
import { AppError, isMade } from "jimv";
import { html, prepend, remove, replace, TableRow } from "jimv/ui";
import { diskList, listLive, queryOf } from "./pages-list.ts";
import { DiskGone, DiskPage, type DiskPageNeeds, diskTable, rowId } from "./pages-parts.tsx";

export function diskLive({ context, service }: DiskPageNeeds): void {
  const { web } = context;
  const diskOf = (event: { topic: string; key: string; data: unknown }): string | null => {
    if (event.topic === "disk") return event.key;
    const { targetType, targetKey } = (event.data ?? {}) as { targetType?: string; targetKey?: string };
    return targetType === "disk" && targetKey ? targetKey : null;
  };
  web.live({
    name: listLive,
    topics: ["disk", "task"],
    role: "reader",
    async render(event, { viewer, key, shown: rows }) {
      const uuid = diskOf(event);
      if (uuid === null) return [];
      const [disk] = await service.views([uuid]);
      if (!disk) return [remove(rowId(uuid))];
      const isNew = event.topic === "disk" && isMade(event);
      if (!rows.has(rowId(uuid)) && !isNew) return [];
      const row = await html(<TableRow spec={diskTable(viewer)} row={disk} lang={viewer.language} />);
      // A new one comes into lists that it belongs into; where it is there already, it is replaced.
      const shown = diskList.ofView(key);
      const query = queryOf(shown);
      const comes = isNew && shown.page === 1 && query !== null && (await service.isListed(uuid, query));
      if (comes) rows.add(rowId(uuid));
      return [comes ? prepend("disks-rows", row) : replace(rowId(uuid), row)];
    },
  });
  web.live({
    name: "disk",
    topics: ["disk", "task"],
    role: "reader",
    async render(event, { viewer, key }) {
      if (key === null || diskOf(event) !== key) return [];
      try {
        const disk = await service.get(key);
        return [replace("disk-page", await html(<DiskPage disk={disk} viewer={viewer} />))];
      } catch (error) {
        if (!(error instanceof AppError) || error.kind !== "notFound") throw error;
        return [replace("disk-page", await html(<DiskGone viewer={viewer} />))];
      }
    },
  });
}
