/** The pages at the door: signing in and out, and API tokens. Who may come in is decided by core's `AccessService`. */
import { accessService, definePlugin } from "jimv";
import { signInPages } from "./sign-in.tsx";
import { tokenForm, tokenPages } from "./tokens.tsx";
import { accessWords } from "./words.ts";

export const accessPlugin = definePlugin({
  name: "access",
  words: accessWords,
  controller({ web, clock, use }) {
    const access = use(accessService);
    for (const page of [...signInPages(access), ...tokenPages(access, clock)]) web.page(page);
    web.form(tokenForm);
    web.nav({
      group: "system",
      order: 80,
      href: "/tokens",
      icon: "key",
      word: "access.tokens.nav",
      role: "administrator",
    });
  },
});
