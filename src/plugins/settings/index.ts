/** The settings of all plugins on one page and under one address of the API, made from their schemas. */
import { definePlugin, type Plugin, type ServiceKey, serviceKey } from "jimv";
import { startPages } from "./pages.tsx";
import { startRoutes } from "./routes.ts";
import { SettingsService } from "./service.ts";
import { settingsWords } from "./words.ts";

/** All plugins that are loaded. The program provides it before plugins start. */
export const loadedPlugins: ServiceKey<readonly Plugin[]> = serviceKey("loadedPlugins");

export const settingsPlugin = definePlugin({
  name: "settings",
  words: settingsWords,
  controller(context) {
    const service = new SettingsService(context, context.use(loadedPlugins));
    startRoutes(context, service);
    startPages(context, service);
  },
});
