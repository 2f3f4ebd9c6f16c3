/** Domains on the nodes that are no guests: foreign ones, which nobody touches, and orphans. */
import type { Viewer } from "jimv";
import {
  type Child,
  DangerDialog,
  EmptyState,
  List,
  type Look,
  lookOf,
  Mark,
  type MenuItem,
  mebibytes,
  StateMark,
  say,
  type TableSpec,
  TwoLines,
} from "jimv/ui";
import { type Asked, guestList } from "./pages-list-address.ts";
import type { ForeignDomain } from "./schema.ts";
import { wordsOf } from "./words-pages.ts";

/** What libvirt says of a foreign domain, in the looks of guests. */
function domainMark(state: ForeignDomain["state"]): Look["mark"] {
  return lookOf({ kind: "guest", state }).mark;
}

export const foreignRowId = (uuid: string): string => `foreign-${uuid}`;
const orphanHref = (uuid: string): string => `/guests/orphans/${uuid}/delete`;

function menuOf({ kind, uuid }: ForeignDomain, viewer: Viewer): MenuItem[] {
  if (kind !== "orphan") return [];
  const label = `${say(viewer.language, "action.delete")}…`;
  return [{ label, icon: "delete", danger: true, dialogUrl: orphanHref(uuid) }];
}

/** Asks before an orphan is removed from its node. */
export function orphanDialog({ uuid, name, nodeName, state }: ForeignDomain, viewer: Viewer) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return (
    <DangerDialog
      lang={lang}
      id="delete-orphan"
      open
      title={t("guests.page.orphanTitle", { name, node: nodeName })}
      post={orphanHref(uuid)}
      victims={[
        <b>
          {t(state === "off" ? "guests.page.victim" : "guests.page.victimRunning", { name, node: nodeName })}
        </b>,
      ]}
      survivors={[t("guests.page.orphanFiles")]}
      confirm={t("guests.page.orphanDelete")}
      typeName={name}
    />
  );
}

/** The list of domains on the nodes that no guest stands for. */
export function foreignList(
  domains: readonly ForeignDomain[],
  state: Asked,
  viewer: Viewer,
  segments: Child,
) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const wanted = domains.filter((domain) => domain.name.toLowerCase().includes(state.q.toLowerCase()));
  const spec: TableSpec<ForeignDomain> = {
    id: "guests",
    rowId: (domain) => foreignRowId(domain.uuid),
    rowName: (domain) => domain.name,
    columns: [
      {
        key: "name",
        label: () => say(lang, "label.name"),
        card: "title",
        cell: (domain) => (
          <TwoLines
            title={domain.name}
            sub={domain.kind === "orphan" ? t("guests.page.orphanHint") : t("guests.page.foreignHint")}
          />
        ),
      },
      {
        key: "kind",
        label: () => say(lang, "label.state"),
        width: "l",
        card: "state",
        cell: (domain) =>
          domain.kind === "orphan" ? (
            <StateMark kind="guest" state="unknown" lang={lang} word={t("guests.page.orphan")} />
          ) : (
            <StateMark kind="guest" state="foreign" lang={lang} />
          ),
      },
      {
        key: "state",
        label: () => "libvirt",
        width: "m",
        cell: (domain) => (
          <span class="state quiet">
            <Mark name={domainMark(domain.state)} /> {say(lang, `state.guest.${domain.state}`)}
          </span>
        ),
      },
      { key: "node", label: () => say(lang, "label.node"), width: "m", cell: (domain) => domain.nodeName },
      {
        key: "size",
        label: () => say(lang, "label.size"),
        width: "m",
        cell: (domain) =>
          t("guests.page.size", { vcpus: domain.vcpus, memory: mebibytes(lang, domain.memoryMiB) }),
      },
    ],
    ...(viewer.role === "administrator" ? { menu: (domain) => menuOf(domain, viewer) } : {}),
  };
  return (
    <List
      lang={lang}
      address={guestList}
      state={state}
      spec={spec}
      found={{ items: wanted }}
      label={t("guests.page.foreign")}
      placeholder={t("guests.page.filter")}
      beside={segments}
      empty={<EmptyState icon="lock" title={t("guests.page.noForeign")} />}
      hidesSome={domains.length > 0}
    />
  );
}
