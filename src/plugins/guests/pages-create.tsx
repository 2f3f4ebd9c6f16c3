/** The form in which guests are asked for. Its rail says what will be made before anything is. */
import {
  type AppError,
  constraintsOf,
  type FieldError,
  fieldText,
  type PostedForm,
  sentenceOf,
  type Viewer,
} from "jimv";
import {
  Button,
  bytes,
  type Card,
  Checkbox,
  type Chip,
  Chips,
  DefinitionList,
  FieldRow,
  Form,
  FormSection,
  html,
  mebibytes,
  Notice,
  NumberInput,
  PageHead,
  Panel,
  Password,
  RadioCards,
  Row,
  replace,
  say,
  Textarea,
  TextInput,
  Tile,
  WithRail,
} from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import type { Template } from "../templates/index.ts";
import { GuestForm } from "./form.ts";
import { namesOf } from "./naming.ts";
import { bytesPerGiB, type PageNeeds, tileText } from "./pages-parts.tsx";
import { passwordLength } from "./requests.ts";
import { countedIn, wordsOf } from "./words-pages.ts";

/** vCPUs and GiB, from the smallest up; those that no node can take are left out. */
const sizes: readonly (readonly [vcpus: number, gib: number])[] = [
  [1, 0.5],
  [1, 1],
  [1, 2],
  [2, 2],
  [2, 4],
  [4, 4],
  [4, 8],
  [8, 8],
  [8, 16],
  [4, 32],
  [8, 32],
  [16, 16],
  [16, 32],
  [8, 64],
  [16, 64],
  [32, 64],
];
const firstSize = { vcpus: 1, memoryMiB: 1024 };
const namesShown = 5;
const formId = "guest-form";

/** What there is to choose from. */
export interface Offer {
  templates: readonly Template[];
  nodes: readonly NodeView[];
}

export async function offerOf(needs: PageNeeds): Promise<Offer> {
  const [{ items }, nodes] = await Promise.all([needs.templates.list({}), needs.nodes.list()]);
  return { templates: items, nodes };
}

/** A post that was refused: what was typed, and why. Passwords are never written into a page again. */
export interface CreateTry {
  posted: PostedForm;
  errors: readonly FieldError[];
  problem: AppError | null;
}

type FieldName = keyof typeof GuestForm.properties;

const firstOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];
const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

export function createPage(offer: Offer, viewer: Viewer, templateId: string | null) {
  const t = wordsOf(viewer.language);
  return (
    <>
      <PageHead title={t("guests.page.create")} sub={t("guests.page.createSub")} />
      <CreateForm offer={offer} viewer={viewer} tried={null} templateId={templateId} />
    </>
  );
}

/** The whole form; with `tried`, the answer to a refused post. */
export function CreateForm(p: {
  offer: Offer;
  viewer: Viewer;
  tried: CreateTry | null;
  templateId?: string | null;
  /** The browser has lost what was typed as a password: it got a whole new page. */
  passwordLost?: boolean;
}) {
  const { offer, viewer, tried } = p;
  const lang = viewer.language;
  const t = wordsOf(lang);
  const posted = tried?.posted ?? null;
  const errorOf = (name: FieldName): string | undefined => {
    const wrong = tried?.errors.find((error) => error.path === name);
    return wrong ? fieldText(wrong, viewer.say) : undefined;
  };
  const typed = (name: FieldName, otherwise?: string | number): string | number | undefined =>
    posted ? firstOf(posted[name]) : otherwise;
  const text = (name: FieldName, otherwise?: string) => {
    const { min: _, max: __, step: ___, ...limits } = constraintsOf(GuestForm, name);
    return { name, ...limits, value: typed(name, otherwise), error: errorOf(name) };
  };
  const number = (name: FieldName, otherwise?: number) => {
    const { required, min, max } = constraintsOf(GuestForm, name);
    return { name, required, min, max, value: typed(name, otherwise), error: errorOf(name), lang };
  };
  const ready = offer.templates.filter((template) => template.state === "ready");
  const chosen = typed("templateId", p.templateId ?? ready[0]?.id);
  const dataDisks = listOf(posted?.dataDiskGiB).filter((size) => size !== "");
  const names = [...new Set((tried?.errors ?? []).map((error) => error.path))];
  return (
    <Form id={formId} action="/guests/new" check="/check/guest-create" csrf={viewer.csrf}>
      <WithRail
        rail={
          <>
            <CreateSummary
              offer={offer}
              viewer={viewer}
              posted={posted ?? { templateId: `${chosen ?? ""}` }}
            />
            <div class="submit">
              <CreateButton viewer={viewer} quantity={quantityOf(posted)} />
              <p class="error" role="alert" hidden={names.length === 0}>
                {names.length === 0 ? "" : t("guests.page.fix")}
              </p>
            </div>
            <div
              hidden
              hx-post="/guests/new/preview"
              hx-trigger={`input from:#${formId} delay:250ms, change from:#${formId} delay:250ms`}
              hx-include={`#${formId}`}
              hx-swap="none"
              hx-sync="this:replace"
            />
          </>
        }
      >
        {tried?.problem ? <Refusal problem={tried.problem} viewer={viewer} /> : null}
        {ready.length === 0 ? (
          <Notice
            tone="warn"
            title={t("guests.page.noReadyTemplate")}
            actions={
              <Button size="small" href="/templates">
                {t("guests.page.registerTemplate")}
              </Button>
            }
          >
            {t("guests.page.noTemplates")}
          </Notice>
        ) : null}
        <Panel flush>
          <FormSection title={say(lang, "label.template")} hint={t("guests.page.templateHint")}>
            <RadioCards
              name="templateId"
              label={say(lang, "label.template")}
              hideLabel
              required
              value={chosen === undefined ? undefined : String(chosen)}
              error={errorOf("templateId")}
              cards={offer.templates.map((template) => templateCard(template, viewer))}
            />
          </FormSection>
          <FormSection title={say(lang, "label.size")} hint={t("guests.page.sizeHint")}>
            <Chips
              name="size"
              label={say(lang, "label.size")}
              hideLabel
              value={sizeKey(
                Number(typed("vcpus", firstSize.vcpus)),
                Number(typed("memoryMiB", firstSize.memoryMiB)),
              )}
              chips={chipsFor(offer)}
            />
            <FieldRow>
              <NumberInput {...number("vcpus", firstSize.vcpus)} narrow label={t("guests.page.vcpus")} />
              <NumberInput
                {...number("memoryMiB", firstSize.memoryMiB)}
                narrow
                label={t("guests.page.memory")}
                unit={say(lang, "unit.mib")}
              />
              <NumberInput
                {...number("diskSizeGiB")}
                narrow
                label={t("guests.page.systemDisk")}
                unit={say(lang, "unit.gib")}
                hint={t("guests.page.systemDiskHint")}
              />
            </FieldRow>
            <div id="data-disks" class="fields">
              {dataDisks.map((size, at) => (
                <DataDisk
                  viewer={viewer}
                  at={at}
                  value={size}
                  error={at === 0 ? errorOf("dataDiskGiB") : undefined}
                />
              ))}
            </div>
            <Row>
              {" "}
              <Button
                kind="link"
                icon="plus"
                extra={{
                  "hx-get": "/guests/new/data-disk",
                  "hx-target": "#data-disks",
                  "hx-swap": "beforeend",
                }}
              >
                {t("guests.page.addDataDisk")}
              </Button>
            </Row>
          </FormSection>
          <FormSection title={t("guests.page.nameSection")} hint={t("guests.page.nameHint")}>
            <FieldRow>
              <TextInput
                {...text("name")}
                label={say(lang, "label.name")}
                hint={t("guests.page.nameField")}
                autofocus={tried === null}
              />
              <NumberInput
                {...number("quantity", 1)}
                narrow
                stepper
                label={t("guests.page.quantity")}
                hint={t("guests.page.quantityHint")}
              />
            </FieldRow>
            <TextInput
              {...text("remark")}
              label={t("guests.page.remark")}
              optional={say(lang, "label.optional")}
            />
          </FormSection>
          <FormSection title={t("guests.page.signIn")} hint={t("guests.page.signInHint")}>
            <Password
              {...text("password")}
              value={undefined}
              lang={lang}
              label={say(lang, "label.password")}
              optional={say(lang, "label.optional")}
              generate={passwordLength}
              hint={t(p.passwordLost ? "guests.page.passwordAgain" : "guests.page.passwordHint")}
            />
            <Textarea
              {...text("sshKeys")}
              rows={2}
              mono
              label={t("guests.page.sshKeys")}
              optional={say(lang, "label.optional")}
              hint={t("guests.page.sshKeysHint")}
            />
          </FormSection>
          <FormSection title={t("guests.page.disksSection")} hint={t("guests.page.disksHint")}>
            <RadioCards
              name="linked"
              label={t("guests.page.disksSection")}
              hideLabel
              list
              value={String(typed("linked", "false"))}
              cards={[
                { value: "false", title: t("guests.page.full"), text: t("guests.page.fullText") },
                { value: "true", title: t("guests.page.linked"), text: t("guests.page.linkedText") },
              ]}
            />
          </FormSection>
          <FormSection title={t("guests.page.placement")} hint={t("guests.page.placementHint")}>
            <RadioCards
              name="nodeName"
              label={t("guests.page.placement")}
              hideLabel
              list
              value={String(typed("nodeName", ""))}
              error={errorOf("nodeName")}
              cards={[
                { value: "", title: t("guests.page.automatic"), text: t("guests.page.automaticText") },
                ...offer.nodes.map((node) => nodeCard(node, viewer)),
              ]}
            />
          </FormSection>
          <FormSection title={t("guests.page.after")}>
            <Checkbox
              name="start"
              label={t("guests.page.startNow")}
              checked={posted ? firstOf(posted.start) !== undefined : true}
            />
          </FormSection>
        </Panel>
      </WithRail>
    </Form>
  );
}

/** Why nothing was created, with the way to where it can be mended. */
function Refusal({ problem, viewer }: { problem: AppError; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  const { node } = problem.args;
  const href = typeof node === "string" ? `/nodes/${encodeURIComponent(node)}` : null;
  return (
    <Notice
      tone="bad"
      title={t("guests.page.refused")}
      actions={
        href ? (
          <Button size="small" href={href}>
            {t("guests.page.toNode")}
          </Button>
        ) : null
      }
    >
      {sentenceOf(problem, viewer.say)}
    </Notice>
  );
}

function templateCard(template: Template, viewer: Viewer): Card {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return {
    value: template.id,
    title: template.name,
    text: t("guests.page.templateOn", {
      size: bytes(lang, template.virtualSizeBytes ?? 0),
      node: template.nodeName,
    }),
    tile: <Tile text={tileText(template.icon, template.name)} />,
    ...(template.state === "ready" ? {} : { disabledBecause: t("guests.page.templateNot") }),
  };
}

function nodeCard(node: NodeView, viewer: Viewer): Card {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { facts, storage } = node;
  if (!node.configured || node.state !== "live" || !facts || !storage)
    return { value: node.name, title: node.name, disabledBecause: t("guests.page.nodeNotReady") };
  return {
    value: node.name,
    title: node.name,
    text: t("guests.page.nodeText", {
      cpus: facts.cpus,
      free: mebibytes(lang, facts.freeMemoryMiB),
      memory: mebibytes(lang, facts.memoryMiB),
      disk: bytes(lang, storage.availableBytes),
    }),
  };
}

const sizeKey = (vcpus: number, memoryMiB: number): string => `${vcpus}-${memoryMiB}`;

function chipsFor({ nodes }: Offer): Chip[] {
  const cpus = Math.max(1, ...nodes.map((node) => node.facts?.cpus ?? 0));
  const memory = Math.max(1024, ...nodes.map((node) => node.facts?.memoryMiB ?? 0));
  return sizes
    .filter(([vcpus, gib]) => vcpus <= cpus && gib * 1024 <= memory)
    .map(([vcpus, gib]) => ({
      value: sizeKey(vcpus, gib * 1024),
      label: gib < 1 ? `${vcpus}C · ${gib * 1024}M` : `${vcpus}C · ${gib}G`,
      fills: { vcpus, memoryMiB: gib * 1024 },
    }));
}

/** One more size to fill in; the page asks for as many as are wanted. */
export function DataDisk(p: {
  viewer: Viewer;
  at: number | string;
  value?: string;
  error?: string | undefined;
}) {
  const t = wordsOf(p.viewer.language);
  return (
    <NumberInput
      lang={p.viewer.language}
      narrow
      id={`f-dataDiskGiB-${p.at}`}
      name="dataDiskGiB"
      label={t("guests.page.dataDisk")}
      unit={say(p.viewer.language, "unit.gib")}
      hint={t("guests.page.dataDiskHint")}
      min={1}
      max={65536}
      value={p.value}
      error={p.error}
    />
  );
}

const wholeNumber = (value: string | undefined, least: number, most: number): number | null => {
  const number = Number(value);
  return value !== undefined && Number.isInteger(number) && number >= least && number <= most ? number : null;
};

const quantityOf = (posted: PostedForm | null): number => wholeNumber(firstOf(posted?.quantity), 1, 100) ?? 1;

function CreateButton({ viewer, quantity }: { viewer: Viewer; quantity: number }) {
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
  const nodeName = firstOf(posted.nodeName) || template?.nodeName || "";
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
          <li>
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
