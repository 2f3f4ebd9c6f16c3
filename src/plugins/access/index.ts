/** The pages at the door: signing in and out, and API tokens. Who may come in is decided by core's `AccessService`. */
import { accessService, definePlugin } from "jimv";
import { accessPages } from "./pages.ts";
import { accessWords } from "./words.ts";

export const accessPlugin = definePlugin({
  name: "access",
  words: accessWords,
  controller(context) {
    accessPages(context, context.use(accessService));
    context.web.nav({
      group: "system",
      order: 80,
      href: "/tokens",
      icon: "key",
      word: "access.tokens.nav",
      role: "administrator",
    });
  },
});
