/** The form in which guests are asked for. Its rail says what will be made before anything is. */
import { type AppError, constraintsOf, fieldText, sentenceOf, type TriedForm, type Viewer } from "jimv";
import {
  Button,
  bytes,
  Checkbox,
  type Child,
  Chips,
  FieldRow,
  Form,
  FormSection,
  Notice,
  NumberInput,
  PageHead,
  Panel,
  Password,
  RadioCards,
  Row,
  Select,
  say,
  Textarea,
  TextInput,
  WithRail,
} from "jimv/ui";
import { GuestForm } from "./form.ts";
import { chipsFor, firstSize, nodeCard, type Offer, sizeKey, templateCard } from "./pages-create-offer.tsx";
import { CreateButton, CreateSummary, firstOf, listOf, quantityOf } from "./pages-create-summary.tsx";
import { passwordLength } from "./requests.ts";
import { wordsOf } from "./words-pages.ts";

const formId = "guest-form";

type FieldName = keyof typeof GuestForm.properties;

export function createPage(offer: Offer, sections: Child[], viewer: Viewer, templateId: string | null) {
  const t = wordsOf(viewer.language);
  return (
    <>
      <PageHead title={t("guests.page.create")} sub={t("guests.page.createSub")} />
      <CreateForm offer={offer} sections={sections} viewer={viewer} tried={null} templateId={templateId} />
    </>
  );
}

/** The whole form; with `tried`, the answer to a refused post. Passwords are never written into a page again. */
export function CreateForm(p: {
  offer: Offer;
  /** Of other plugins. */
  sections: Child[];
  viewer: Viewer;
  tried: TriedForm | null;
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
            {/* Above what changes while one types: a button that moves under the pointer loses its click. */}
            <div class="submit">
              <CreateButton viewer={viewer} quantity={quantityOf(posted)} />
              <p class="error" role="alert" hidden={names.length === 0}>
                {names.length === 0 ? "" : t("guests.page.fix")}
              </p>
            </div>
            <CreateSummary
              offer={offer}
              viewer={viewer}
              posted={posted ?? { templateId: `${chosen ?? ""}` }}
            />
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
          {offer.pools.length > 1 ? (
            <FormSection title={t("guests.page.pool")} hint={t("guests.page.poolHint")}>
              <Select
                name="poolId"
                label={t("guests.page.pool")}
                value={String(typed("poolId", ""))}
                error={errorOf("poolId")}
                options={[
                  { value: "", label: t("guests.page.poolDefault") },
                  ...offer.pools.map((pool) => ({
                    value: pool.id,
                    label: t("guests.page.poolFree", {
                      pool: pool.name,
                      free: bytes(lang, pool.availableBytes ?? 0),
                    }),
                  })),
                ]}
              />
            </FormSection>
          ) : null}
          {p.sections}
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
