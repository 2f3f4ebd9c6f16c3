/** What stands where a page can't: what happened, what to do, the id in the log. */
import { say } from "../words.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy.tsx";
import type { Language } from "./kit.ts";
import { Logo } from "./logo.tsx";

export interface ErrorPageProps {
  lang: Language;
  status: number;
  title: string;
  detail: string;
  /** Stands in the log, too. */
  id: string | null;
}

export function ErrorPage(p: ErrorPageProps) {
  return (
    <div class="error-page">
      <Logo name={false} />
      <p class="status num">{p.status}</p>
      <h1>{p.title}</h1>
      <p>{p.detail}</p>
      {p.id ? (
        <p class="hint">
          {say(p.lang, "error.id")}: <code>{p.id}</code> <CopyButton lang={p.lang} text={p.id} />
        </p>
      ) : null}
      <div class="row">
        <Button kind="primary" href="/">
          {say(p.lang, "error.home")}
        </Button>
      </div>
    </div>
  );
}
