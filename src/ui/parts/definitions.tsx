/** Keys and values under each other, as in a guest's rail. */
import { CopyButton } from "./copy.tsx";
import type { Child, Language } from "./kit.ts";

export interface Definition {
  label: string;
  value: Child;
  /** A text that a button beside the value copies. */
  copy?: string;
  /** Set in the typewriter face: MAC, id, command. */
  mono?: boolean;
}

export function DefinitionList({ lang, items }: { lang: Language; items: readonly Definition[] }) {
  return (
    <dl class="defs">
      {items.map((item) => (
        <div>
          <dt>{item.label}</dt>
          <dd class={item.mono ? "mono" : undefined}>
            <span>{item.value}</span>
            {item.copy ? <CopyButton lang={lang} text={item.copy} label={item.label} /> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}
