/** The pages of boot jobs: the list, a job with its rules in order, and the forms of both. */
import {
  actedOn,
  type ControllerContext,
  type Html,
  isMade,
  type PageAnswer,
  type PageCall,
  submitForm,
  type Viewer,
} from "jimv";
import {
  Button,
  DangerDialog,
  EmptyState,
  html,
  PageHead,
  prepend,
  remove,
  replace,
  say,
  Table,
  TableRow,
} from "jimv/ui";
import type { TemplateService } from "../templates/index.ts";
import { JobFields, jobForm, jobFormId, MoveDialog, ruleDialog, ruleForm } from "./pages-forms.tsx";
import { JobPage, JobRules, jobHref, jobTable, mayChange, rowId } from "./pages-parts.tsx";
import { JobForm, MoveRule, RuleForm } from "./requests.ts";
import type { BootJob } from "./schema.ts";
import type { Jobs } from "./service.ts";

export interface PageNeeds {
  context: ControllerContext;
  jobs: Jobs;
  templates: Pick<TemplateService, "list">;
}

const crumbs = (viewer: Viewer) => [{ href: "/boot-jobs", label: viewer.say("boot-jobs.page.title") }];

export function jobPages(needs: PageNeeds): void {
  const { context, jobs } = needs;
  const { web } = context;
  web.nav({
    group: "compute",
    order: 25,
    href: "/boot-jobs",
    icon: "wrench",
    word: "boot-jobs.page.title",
    role: "reader",
  });
  web.page({
    method: "GET",
    path: "/boot-jobs",
    role: "reader",
    handle: async ({ viewer }) => ({
      title: viewer.say("boot-jobs.page.title"),
      views: ["boot-jobs"],
      page: <JobList viewer={viewer} rows={await jobs.list()} />,
    }),
  });
  web.page({
    method: "GET",
    path: "/boot-jobs/{id}",
    role: "reader",
    async handle({ params, viewer }) {
      const job = await jobs.needOwn(params.id ?? "");
      return {
        title: job.name,
        crumbs: crumbs(viewer),
        views: [`boot-job:${job.id}`],
        page: <JobPage job={job} variables={jobs.variables()} viewer={viewer} />,
      };
    },
  });
  web.live({
    name: "boot-jobs",
    topics: ["bootJob"],
    role: "reader",
    async render(event, { viewer }) {
      const job = (await jobs.list()).find((each) => each.id === event.key);
      if (!job) return [remove(rowId(event.key))];
      const row = await html(<TableRow spec={jobTable(viewer)} row={job} lang={viewer.language} />);
      return [isMade(event) ? prepend("boot-jobs-rows", row) : replace(rowId(job.id), row)];
    },
  });
  web.live({
    name: "boot-job",
    topics: ["bootJob"],
    role: "reader",
    async render(event, { viewer, key }) {
      const job = event.key === key ? (await jobs.list()).find((each) => each.id === key) : undefined;
      return job ? [replace("job-rules", await html(<JobRules job={job} viewer={viewer} />))] : [];
    },
  });
  jobForms(needs);
  rulePages(needs);
}

function JobList({ viewer, rows }: { viewer: Viewer; rows: BootJob[] }) {
  const add = mayChange(viewer) ? (
    <Button kind="primary" icon="plus" href="/boot-jobs/new" extra={{ "data-create": "" }}>
      {viewer.say("boot-jobs.page.new")}
    </Button>
  ) : undefined;
  return (
    <>
      <PageHead
        title={viewer.say("boot-jobs.page.title")}
        sub={viewer.say("boot-jobs.page.sub")}
        actions={
          <>
            <Button icon="clock" href="/boot-jobs/queue">
              {viewer.say("boot-jobs.queue.title")}
            </Button>
            {rows.length > 0 ? add : null}
          </>
        }
      />
      <Table
        lang={viewer.language}
        spec={jobTable(viewer)}
        rows={rows}
        label={viewer.say("boot-jobs.page.title")}
        empty={
          <EmptyState
            icon="wrench"
            title={viewer.say("boot-jobs.page.empty")}
            text={viewer.say("boot-jobs.page.emptyText")}
            action={add}
          />
        }
      />
    </>
  );
}

function jobForms({ context: { web }, jobs, templates }: PageNeeds): void {
  const offered = async () => (await templates.list({ limit: 200 })).items;
  const around = (viewer: Viewer, job: BootJob | null, form: Html) => {
    const title = job
      ? viewer.say("boot-jobs.page.edit", { job: job.name })
      : viewer.say("boot-jobs.page.new");
    return {
      title,
      crumbs: crumbs(viewer),
      page: (
        <>
          <PageHead title={title} sub={viewer.say("boot-jobs.page.sub")} />
          {form}
        </>
      ),
    };
  };
  const save = (call: PageCall, job: BootJob | null): Promise<PageAnswer> =>
    submitForm(call, JobForm, {
      again: async (tried) => (
        <JobFields job={job} tried={tried} templates={await offered()} viewer={call.viewer} />
      ),
      page: (form) => around(call.viewer, job, form),
      async act(value) {
        const saved = job ? await jobs.change(job.id, value) : await jobs.create({ ...value, rules: [] });
        return { redirect: jobHref(saved.id) };
      },
    });
  web.form({ name: jobFormId, schema: JobForm, role: "operator" });
  web.page({
    method: "GET",
    path: "/boot-jobs/new",
    role: "operator",
    handle: async ({ viewer }) =>
      around(viewer, null, <JobFields job={null} tried={null} templates={await offered()} viewer={viewer} />),
  });
  web.page({ method: "POST", path: "/boot-jobs/new", role: "operator", handle: (call) => save(call, null) });
  web.page({
    method: "GET",
    path: "/boot-jobs/{id}/edit",
    role: "operator",
    async handle({ params, viewer }) {
      const job = await jobs.needOwn(params.id ?? "");
      return around(
        viewer,
        job,
        <JobFields job={job} tried={null} templates={await offered()} viewer={viewer} />,
      );
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/{id}/edit",
    role: "operator",
    handle: async (call) => save(call, await jobs.needOwn(call.params.id ?? "")),
  });
  web.page({
    method: "GET",
    path: "/boot-jobs/{id}/delete",
    role: "operator",
    async handle({ params, viewer }) {
      const job = await jobs.needOwn(params.id ?? "");
      return {
        fragment: (
          <DangerDialog
            lang={viewer.language}
            id="delete-job"
            open
            title={viewer.say("boot-jobs.page.deleteTitle", { job: job.name })}
            post={`${jobHref(job.id)}/delete`}
            victims={[viewer.say("boot-jobs.page.victim", { job: job.name, count: job.rules.length })]}
            confirm={say(viewer.language, "action.delete")}
          />
        ),
      };
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/{id}/delete",
    role: "operator",
    async handle(call) {
      await jobs.remove(call.params.id ?? "");
      return { redirect: "/boot-jobs" };
    },
  });
}

function rulePages({ context: { web }, jobs }: PageNeeds): void {
  const found = async ({ params }: PageCall) => {
    const job = await jobs.needOwn(params.id ?? "");
    const at = job.rules.findIndex((rule) => rule.id === params.rule);
    return { job, at, rule: job.rules[at] ?? null };
  };
  web.form({ name: ruleForm, schema: RuleForm, role: "operator" });
  for (const path of ["/boot-jobs/{id}/rule", "/boot-jobs/{id}/rule/{rule}"]) {
    web.page({
      method: "GET",
      path,
      role: "operator",
      async handle(call) {
        const { job, at, rule } = await found(call);
        return { fragment: ruleDialog(job, rule, at, call.viewer) };
      },
    });
    web.page({
      method: "POST",
      path,
      role: "operator",
      async handle(call) {
        const { job, rule } = await found(call);
        return submitForm(call, RuleForm, {
          again: (tried) => jobForm(job, rule, call.viewer, tried),
          async act(value) {
            await jobs.putRule(job.id, call.params.rule ?? null, value);
            return actedOn(call, jobHref(job.id));
          },
        });
      },
    });
  }
  for (const [action, by] of [
    ["up", -1],
    ["down", 1],
  ] as const)
    web.page({
      method: "POST",
      path: `/boot-jobs/{id}/rule/{rule}/${action}`,
      role: "operator",
      async handle(call) {
        await jobs.shiftRule(call.params.id ?? "", call.params.rule ?? "", by);
        return actedOn(call, jobHref(call.params.id ?? ""));
      },
    });
  web.page({
    method: "GET",
    path: "/boot-jobs/{id}/rule/{rule}/move",
    role: "operator",
    async handle(call) {
      const { job } = await found(call);
      const others = (await jobs.list()).filter((each) => each.id !== job.id);
      return {
        fragment: (
          <MoveDialog job={job} ruleId={call.params.rule ?? ""} others={others} viewer={call.viewer} />
        ),
      };
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/{id}/rule/{rule}/move",
    role: "operator",
    async handle(call) {
      const { job } = await found(call);
      const others = (await jobs.list()).filter((each) => each.id !== job.id);
      return submitForm(call, MoveRule, {
        again: () => (
          <MoveDialog job={job} ruleId={call.params.rule ?? ""} others={others} viewer={call.viewer} />
        ),
        async act({ jobId }) {
          await jobs.moveRule(job.id, call.params.rule ?? "", jobId);
          return actedOn(call, jobHref(job.id));
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/boot-jobs/{id}/rule/{rule}/delete",
    role: "operator",
    async handle(call) {
      const { job, at, rule } = await found(call);
      const { say: t, language } = call.viewer;
      const kind = t(`boot-jobs.rule.${rule?.kind ?? "run"}`);
      return {
        fragment: (
          <DangerDialog
            lang={language}
            id="delete-rule"
            open
            title={t("boot-jobs.page.deleteRuleTitle", { at: at + 1, job: job.name })}
            post={`${jobHref(job.id)}/rule/${call.params.rule}/delete`}
            victims={[t("boot-jobs.page.ruleName", { at: at + 1, kind })]}
            confirm={say(language, "action.delete")}
          />
        ),
      };
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/{id}/rule/{rule}/delete",
    role: "operator",
    async handle(call) {
      await jobs.removeRule(call.params.id ?? "", call.params.rule ?? "");
      return actedOn(call, jobHref(call.params.id ?? ""));
    },
  });
}
