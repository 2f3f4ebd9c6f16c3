/** Registers the pages at the door and of tokens. */
import type { AccessService, ControllerContext } from "jimv";
import { signInPages } from "./sign-in.tsx";
import { tokenForm, tokenPages } from "./tokens.tsx";

export function accessPages(
  { web, clock }: Pick<ControllerContext, "web" | "clock">,
  access: AccessService,
): void {
  for (const page of [...signInPages(access), ...tokenPages(access, clock)]) web.page(page);
  web.form(tokenForm);
}
