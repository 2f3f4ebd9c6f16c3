/** The create form's rail: what will be made, before anything is, and the button that makes it. */
import type { PostedForm, Viewer } from "jimv";
import { Button, bytes, DefinitionList, html, mebibytes, Panel, replace, say } from "jimv/ui";
import { namesOf } from "./naming.ts";
import { firstSize, type Offer } from "./pages-create-offer.tsx";
import { bytesPerGiB } from "./pages-parts.tsx";
import { countedIn, wordsOf } from "./words-pages.ts";

const namesShown = 5;

export const firstOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];
export const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

const wholeNumber = (value: string | undefined, least: number, most: number): number | null => {
  const number = Number(value);
  return value !== undefined && Number.isInteger(number) && number >= least && number <= most ? number : null;
};

export const quantityOf = (posted: PostedForm | null): number =>
  wholeNumber(firstOf(posted?.quantity), 1, 100) ?? 1;

export function CreateButton({ viewer, quantity }: { viewer: Viewer; quantity: number }) {
  return (
    <Button kind="primary" type="submit" id="create-button" keys="Ctrl ⏎">
      {countedIn(viewer.language, "guests.page.createN", quantity)}
    </Button>
  );
}

/** What would be made of the form as it stands; half-filled forms give half a summary. */
export function CreateSummary({
  offer,
  viewer,
  posted,
}: {
  offer: Offer;
  viewer: Viewer;
  posted: PostedForm;
}) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const quantity = quantityOf(posted);
  const vcpus = wholeNumber(firstOf(posted.vcpus), 1, 512) ?? firstSize.vcpus;
  const memoryMiB = wholeNumber(firstOf(posted.memoryMiB), 1, 2 ** 31) ?? firstSize.memoryMiB;
  const template = offer.templates.find((one) => one.id === firstOf(posted.templateId));
  const diskGiB = wholeNumber(firstOf(posted.diskSizeGiB), 1, 65536) ?? template?.defaultSizeGiB ?? 0;
  const dataGiB = listOf(posted.dataDiskGiB).reduce(
    (sum, size) => sum + (wholeNumber(size, 1, 65536) ?? 0),
    0,
  );
  const name = (firstOf(posted.name) ?? "").slice(0, 63);
  // Which node it will be is only known beforehand where there is a choice of one.
  const nodeName = firstOf(posted.nodeName) || (offer.nodes.length === 1 ? offer.nodes[0]?.name : "") || "";
  const node = offer.nodes.find((one) => one.name === nodeName);
  const names = name === "" ? [] : namesOf(name, quantity);
  const size = (times: number): string =>
    t("guests.page.sizeLong", {
      vcpus: vcpus * times,
      memory: mebibytes(lang, memoryMiB * times),
      disk: bytes(lang, (diskGiB + dataGiB) * times * bytesPerGiB),
    });
  return (
    <Panel id="create-summary" title={countedIn(lang, "guests.page.willCreate", quantity)}>
      <ul class="names">
        {names.length === 0 ? <li class="dim">{t("guests.page.nameless")}</li> : null}
        {names.slice(0, namesShown).map((each) => (
          <li title={each}>
            <b>{each}</b> <span class="dim">{nodeName}</span>
          </li>
        ))}
        {names.length > namesShown ? (
          <li class="dim">{t("guests.page.andMore", { n: names.length - namesShown })}</li>
        ) : null}
      </ul>
      <DefinitionList
        lang={lang}
        items={[
          { label: say(lang, "label.template"), value: template?.name ?? "–" },
          { label: t("guests.page.each"), value: size(1) },
          ...(quantity > 1 ? [{ label: t("guests.page.together"), value: size(quantity) }] : []),
          ...(template
            ? [{ label: t("guests.page.firstSetUp"), value: t(`guests.page.init.${template.init}`) }]
            : []),
          ...(node?.facts
            ? [{ label: t("guests.page.fits"), value: mebibytes(lang, node.facts.freeMemoryMiB) }]
            : []),
        ]}
      />
    </Panel>
  );
}

/** What the preview answers: the summary and the button's words. */
export async function previewOf(offer: Offer, posted: PostedForm, viewer: Viewer): Promise<string> {
  return [
    replace("create-summary", await html(<CreateSummary offer={offer} viewer={viewer} posted={posted} />)),
    replace("create-button", await html(<CreateButton viewer={viewer} quantity={quantityOf(posted)} />)),
  ].join("");
}
