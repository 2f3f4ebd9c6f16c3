/** What a guest looks like right now: a small picture of its screen, and its definition as libvirt keeps it. */
import type { Viewer } from "jimv";
import { Code, CopyButton, EmptyState, IconButton, Panel, Picture, Time } from "jimv/ui";
import type { GuestScene } from "./pages-guest-head.tsx";
import { hrefOf, mayAct } from "./pages-parts.tsx";
import { allows } from "./states.ts";
import { wordsOf } from "./words-pages.ts";

const AskAgain = ({ uuid, viewer }: { uuid: string; viewer: Viewer }) => (
  <IconButton
    icon="refresh"
    size="small"
    label={wordsOf(viewer.language)("guests.page.look")}
    post={`${hrefOf(uuid)}/look`}
  />
);

/** Only for those who may open the console, and while there is a screen. */
export function GuestScreenshot({
  scene: { guest, details },
  viewer,
}: {
  scene: GuestScene;
  viewer: Viewer;
}) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  if (!mayAct(viewer) || !allows(guest.state, "console")) return <div id="guest-screen" hidden />;
  const at = details?.screenAt ?? null;
  // A picture of an earlier run would show what is no more.
  const isCurrent = at !== null && at >= (guest.startedAt ?? 0);
  return (
    <Panel
      id="guest-screen"
      title={t("guests.page.screen")}
      aside={
        <>
          {isCurrent ? <Time lang={lang} at={at} /> : null}
          <AskAgain uuid={guest.uuid} viewer={viewer} />
        </>
      }
    >
      {isCurrent ? (
        <a href={`${hrefOf(guest.uuid)}/console`}>
          <Picture
            src={`${hrefOf(guest.uuid)}/screen?at=${at}`}
            alt={t("guests.page.screenOf", { name: guest.name })}
          />
        </a>
      ) : (
        <p class="hint">{t("guests.page.screenNone")}</p>
      )}
    </Panel>
  );
}

/** The stored definition, to read and to copy. */
export function GuestXml({ scene: { guest, details }, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return (
    <div id="guest-xml" class="stack">
      <Panel
        title={t("guests.page.xml")}
        flush
        aside={
          <>
            {details ? <Time lang={lang} at={details.xmlAt} /> : null}
            {details ? <CopyButton lang={lang} text={details.xml} label={t("guests.page.xml")} /> : null}
            <AskAgain uuid={guest.uuid} viewer={viewer} />
          </>
        }
      >
        {details ? (
          <Code text={details.xml} label={t("guests.page.xml")} />
        ) : (
          <EmptyState icon="guest" title={t("guests.page.xmlNone")} text={t("guests.page.xmlNoneText")} />
        )}
      </Panel>
      <p class="hint">{t("guests.page.xmlHint", { command: "virsh edit" })}</p>
    </div>
  );
}
