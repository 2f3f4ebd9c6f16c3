/** The console: a guest's screen in the browser, through the controller's own port. */
import { definePlugin } from "jimv";
import { guestService } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import { consoleMigrations } from "./migrations.ts";
import { consolePages } from "./pages.tsx";
import { consoleRoutes } from "./routes.ts";
import { consoleTickets } from "./schema.ts";
import { ConsoleService } from "./service.ts";
import { consoleWords } from "./words.ts";

export const consolePlugin = definePlugin({
  name: "console",
  requires: ["guests", "nodes"],
  words: consoleWords,
  tables: [consoleTickets],
  migrations: consoleMigrations,
  controller(context) {
    const guests = context.use(guestService);
    const nodes = context.use(nodeService);
    const service = new ConsoleService({
      store: context.store,
      clock: context.clock,
      screen: (uuid) => guests.screen(uuid),
      name: async (uuid) => (await guests.get(uuid)).name,
      isHeard: async (nodeName) => ((await nodes.get(nodeName))?.state ?? "offline") !== "offline",
    });
    consolePages(context, service);
    consoleRoutes(context, service);
  },
});
