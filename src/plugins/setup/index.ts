/**
 * The first start: a page that checks whether everything is ready, makes the first administrator and sets
 * this machine's node up. `jimv setup` does the same through the service.
 */
import { accessService, definePlugin } from "jimv";
import { nodeService } from "../nodes/index.ts";
import { carryOutChoice, keepChoice } from "./choice.ts";
import { setupCode, setupHost, setupService } from "./contract.ts";
import { startPages } from "./pages.tsx";
import { startStream } from "./pages-stream.tsx";
import { Setup } from "./service.ts";
import { setupWords } from "./words.ts";

export * from "./contract.ts";

export const setupPlugin = definePlugin({
  name: "setup",
  requires: ["nodes"],
  words: setupWords,
  async controller(context) {
    const { store, clock, log, settings } = context;
    const access = context.use(accessService);
    const host = context.use(setupHost);
    const nodes = context.use(nodeService);
    const setup = new Setup({
      store,
      clock,
      log,
      settings,
      access,
      nodes,
      host,
      keepChoice: (node, config) => keepChoice(context, node, config),
    });
    carryOutChoice(context, nodes);
    await setup.look();
    context.provide(setupService, setup);
    startPages(context, setup, {
      code: context.use(setupCode),
      host,
      enter: async (call, person) => (await access.enter(call, person)).headers,
    });
    startStream(context, setup);
  },
});
