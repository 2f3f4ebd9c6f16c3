/** The forms of boot jobs: the job's own fields, a rule's, and where a rule moves. */
import { constraintsOf, errorIn, listIn, type TriedForm, typedIn, type Viewer } from "jimv";
import {
  Button,
  Checkbox,
  Dialog,
  Field,
  FieldRow,
  Form,
  FormSection,
  Panel,
  RadioCards,
  Refusal,
  Select,
  SubmitRow,
  say,
  Textarea,
  TextInput,
} from "jimv/ui";
import type { Template } from "../templates/index.ts";
import { jobHref } from "./pages-parts.tsx";
import { JobForm, RuleForm } from "./requests.ts";
import { type BootJob, failureWays, type Rule, ruleKinds } from "./schema.ts";

export const jobFormId = "boot-job";
export const ruleForm = "boot-rule";
const moveForm = "move-rule-form";

type Tried = TriedForm | null;
export function JobFields(p: {
  job: BootJob | null;
  tried: Tried;
  templates: readonly Pick<Template, "id" | "name">[];
  viewer: Viewer;
}) {
  const { job, tried, viewer } = p;
  const { say: t, language } = viewer;
  const chosen = tried ? listIn(tried, "templateIds") : (job?.templateIds ?? []);
  const field = (name: "name" | "remark") => {
    const { step: _, pattern: __, ...limits } = constraintsOf(JobForm, name);
    return {
      name,
      value: typedIn(tried, name) ?? job?.[name],
      error: errorIn(tried, name, viewer),
      ...limits,
    };
  };
  return (
    <Form
      id={jobFormId}
      action={job ? `${jobHref(job.id)}/edit` : "/boot-jobs/new"}
      check={`/check/${jobFormId}`}
      csrf={viewer.csrf}
    >
      <Refusal tried={tried} viewer={viewer} />
      <Panel flush>
        <FormSection title={t("boot-jobs.page.name")}>
          <TextInput {...field("name")} label={t("boot-jobs.page.name")} autofocus />
          <TextInput {...field("remark")} label={t("boot-jobs.page.remark")} />
        </FormSection>
        <FormSection title={t("boot-jobs.page.scope")}>
          <RadioCards
            name="scope"
            label={t("boot-jobs.page.scope")}
            hideLabel
            list
            value={typedIn(tried, "scope") ?? job?.scope ?? "user"}
            error={errorIn(tried, "scope", viewer)}
            cards={(["user", "template"] as const).map((scope) => ({
              value: scope,
              title: t(`boot-jobs.scope.${scope}`),
              text: t(`boot-jobs.scope.${scope}Hint`),
            }))}
          />
          {p.templates.length > 0 ? (
            <Field
              for="f-templateIds"
              label={t("boot-jobs.page.templates")}
              error={errorIn(tried, "templateIds", viewer)}
              group
            >
              {p.templates.map(({ id, name }) => (
                <Checkbox
                  id={`f-template-${id}`}
                  name="templateIds"
                  value={id}
                  label={name}
                  checked={chosen.includes(id)}
                />
              ))}
            </Field>
          ) : null}
        </FormSection>
        <FormSection title={t("boot-jobs.page.onFailure")}>
          <RadioCards
            name="onFailure"
            label={t("boot-jobs.page.onFailure")}
            hideLabel
            list
            value={typedIn(tried, "onFailure") ?? job?.onFailure ?? "boot"}
            error={errorIn(tried, "onFailure", viewer)}
            cards={failureWays.map((way) => ({
              value: way,
              title: t(`boot-jobs.failure.${way}`),
              text: t(`boot-jobs.failure.${way}Hint`),
            }))}
          />
        </FormSection>
      </Panel>
      <SubmitRow
        lang={language}
        label={say(language, job ? "action.save" : "action.create")}
        cancelHref={job ? jobHref(job.id) : "/boot-jobs"}
      />
    </Form>
  );
}

export function ruleDialog(job: BootJob, rule: Rule | null, at: number, viewer: Viewer) {
  const { say: t, language } = viewer;
  return (
    <Dialog
      lang={language}
      id="rule-dialog"
      open
      wide
      title={rule ? t("boot-jobs.page.changeRule", { at: at + 1 }) : t("boot-jobs.page.addRule")}
      actions={
        <Button kind="primary" type="submit" formId={ruleForm}>
          {say(language, "action.save")}
        </Button>
      }
    >
      {jobForm(job, rule, viewer, null)}
    </Dialog>
  );
}

/** The fields of a rule; drawn again when they were refused. */
export function jobForm(job: BootJob, rule: Rule | null, viewer: Viewer, tried: Tried) {
  const { say: t } = viewer;
  const field = (name: "path" | "content" | "mode") => {
    const { step: _, pattern: __, ...limits } = constraintsOf(RuleForm, name);
    const value = typedIn(tried, name) ?? rule?.[name] ?? undefined;
    return { name, value, error: errorIn(tried, name, viewer), ...limits };
  };
  return (
    <Form
      id={ruleForm}
      action={rule ? `${jobHref(job.id)}/rule/${rule.id}` : `${jobHref(job.id)}/rule`}
      check={`/check/${ruleForm}`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "rule-dialog" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <RadioCards
        name="kind"
        label={t("boot-jobs.page.kind")}
        value={typedIn(tried, "kind") ?? rule?.kind ?? "write"}
        error={errorIn(tried, "kind", viewer)}
        list
        cards={ruleKinds.map((kind) => ({
          value: kind,
          title: t(`boot-jobs.rule.${kind}`),
          text: t(`boot-jobs.rule.${kind}Hint`),
        }))}
      />
      <FieldRow>
        <TextInput
          {...field("path")}
          label={t("boot-jobs.page.path")}
          hint={t("boot-jobs.page.pathHint")}
          placeholder="/etc/motd"
          mono
        />
        <TextInput
          {...field("mode")}
          label={t("boot-jobs.page.mode")}
          hint={t("boot-jobs.page.modeHint")}
          mono
        />
      </FieldRow>
      <Textarea {...field("content")} label={t("boot-jobs.page.content")} rows={10} mono />
    </Form>
  );
}

export function MoveDialog(p: { job: BootJob; ruleId: string; others: readonly BootJob[]; viewer: Viewer }) {
  const { say: t, language, csrf } = p.viewer;
  return (
    <Dialog
      lang={language}
      id="move-rule"
      open
      title={t("boot-jobs.page.move")}
      actions={
        <Button kind="primary" type="submit" formId={moveForm}>
          {t("boot-jobs.page.move")}
        </Button>
      }
    >
      <Form
        id={moveForm}
        action={`${jobHref(p.job.id)}/rule/${p.ruleId}/move`}
        csrf={csrf}
        extra={{ "data-closes": "move-rule" }}
      >
        <Select
          name="jobId"
          label={t("boot-jobs.page.moveTo")}
          options={p.others.map(({ id, name }) => ({ value: id, label: name }))}
        />
      </Form>
    </Dialog>
  );
}
