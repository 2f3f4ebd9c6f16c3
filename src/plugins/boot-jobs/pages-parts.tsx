/** How boot jobs look: a row of the list, and the page of one with its rules. */
import type { Viewer } from "jimv";
import {
  Button,
  Code,
  DefinitionList,
  EmptyState,
  IconButton,
  PageHead,
  Panel,
  Row,
  Stack,
  say,
  Table,
  type TableSpec,
  Tag,
  Time,
  TwoLines,
  WithRail,
} from "jimv/ui";
import type { BootVariable } from "./contract.ts";
import type { BootJob, Rule } from "./schema.ts";

export const jobHref = (id: string): string => `/boot-jobs/${id}`;
export const rowId = (id: string): string => `boot-job-${id}`;
export const mayChange = (viewer: Viewer): boolean => viewer.role !== "reader";

export function jobTable(viewer: Viewer): TableSpec<BootJob> {
  const { say: t } = viewer;
  return {
    id: "boot-jobs",
    rowId: ({ id }) => rowId(id),
    rowName: ({ name }) => name,
    rowHref: ({ id }) => jobHref(id),
    columns: [
      {
        key: "name",
        label: () => t("boot-jobs.page.name"),
        cell: ({ id, name, remark }) => <TwoLines title={name} href={jobHref(id)} sub={remark} />,
        card: "title",
      },
      {
        key: "scope",
        label: () => t("boot-jobs.page.scope"),
        cell: ({ scope }) => t(`boot-jobs.scope.${scope}`),
        width: "l",
      },
      {
        key: "rules",
        label: () => t("boot-jobs.page.rules"),
        cell: ({ rules }) => String(rules.length),
        width: "s",
        align: "end",
      },
      {
        key: "changedAt",
        label: () => t("boot-jobs.page.changed"),
        cell: ({ changedAt }, lang) => <Time lang={lang} at={changedAt} />,
        width: "m",
        wideOnly: true,
      },
    ],
  };
}

interface Numbered {
  rule: Rule;
  at: number;
  job: BootJob;
}

function ruleTable(viewer: Viewer): TableSpec<Numbered> {
  const { say: t } = viewer;
  const base = ({ job, rule }: Numbered): string => `${jobHref(job.id)}/rule/${rule.id}`;
  return {
    id: "rules",
    rowId: ({ rule }) => `rule-${rule.id}`,
    rowName: ({ at, rule }) =>
      t("boot-jobs.page.ruleName", { at: at + 1, kind: t(`boot-jobs.rule.${rule.kind}`) }),
    columns: [
      { key: "at", label: () => "#", cell: ({ at }) => String(at + 1), width: "xs" },
      {
        key: "rule",
        label: () => t("boot-jobs.page.rule"),
        cell: ({ rule, at }) => (
          <Stack>
            <Row>
              <Tag>{t(`boot-jobs.rule.${rule.kind}`)}</Tag>
              {rule.path ? <code>{rule.path}</code> : null}
              {rule.mode ? <code>{rule.mode}</code> : null}
            </Row>
            <Code
              text={rule.content}
              label={t("boot-jobs.page.ruleName", { at: at + 1, kind: t(`boot-jobs.rule.${rule.kind}`) })}
            />
          </Stack>
        ),
        card: "title",
      },
    ],
    ...(mayChange(viewer)
      ? {
          quick: (row: Numbered) => (
            <>
              <IconButton icon="up" label={t("boot-jobs.page.up")} post={`${base(row)}/up`} />
              <IconButton icon="down" label={t("boot-jobs.page.down")} post={`${base(row)}/down`} />
            </>
          ),
          menu: (row: Numbered) => [
            // Again in the menu, where nothing shows by pointing at a row.
            { label: t("boot-jobs.page.up"), icon: "up" as const, post: `${base(row)}/up` },
            { label: t("boot-jobs.page.down"), icon: "down" as const, post: `${base(row)}/down` },
            { label: `${say(viewer.language, "action.edit")}…`, icon: "edit" as const, dialogUrl: base(row) },
            {
              label: `${t("boot-jobs.page.move")}…`,
              icon: "migrate" as const,
              dialogUrl: `${base(row)}/move`,
            },
            {
              label: `${say(viewer.language, "action.delete")}…`,
              icon: "delete" as const,
              dialogUrl: `${base(row)}/delete`,
              danger: true,
              divided: true,
            },
          ],
        }
      : {}),
  };
}

/** Replaced whole by the live view. */
export function JobRules({ job, viewer }: { job: BootJob; viewer: Viewer }) {
  const { say: t, language } = viewer;
  return (
    <Panel
      id="job-rules"
      title={t("boot-jobs.page.rules")}
      count={job.rules.length}
      flush
      aside={
        mayChange(viewer) ? (
          <Button size="small" icon="plus" dialogUrl={`${jobHref(job.id)}/rule`}>
            {t("boot-jobs.page.addRule")}
          </Button>
        ) : null
      }
    >
      <Table
        lang={language}
        spec={ruleTable(viewer)}
        rows={job.rules.map((rule, at) => ({ rule, at, job }))}
        label={t("boot-jobs.page.rules")}
        empty={
          <EmptyState icon="wrench" title={t("boot-jobs.page.noRules")} text={t("boot-jobs.page.sub")} />
        }
      />
    </Panel>
  );
}

export function JobPage({
  job,
  variables,
  viewer,
}: {
  job: BootJob;
  variables: readonly BootVariable[];
  viewer: Viewer;
}) {
  const { say: t, language } = viewer;
  return (
    <>
      <PageHead
        title={job.name}
        sub={job.remark}
        actions={
          mayChange(viewer) ? (
            <>
              <Button icon="edit" href={`${jobHref(job.id)}/edit`}>
                {say(language, "action.edit")}
              </Button>
              <Button icon="delete" dialogUrl={`${jobHref(job.id)}/delete`}>
                {say(language, "action.delete")}
              </Button>
            </>
          ) : null
        }
      />
      <WithRail
        rail={
          <>
            <Panel>
              <DefinitionList
                lang={language}
                items={[
                  { label: t("boot-jobs.page.scope"), value: t(`boot-jobs.scope.${job.scope}`) },
                  { label: t("boot-jobs.page.onFailure"), value: t(`boot-jobs.failure.${job.onFailure}`) },
                  { label: t("boot-jobs.page.changed"), value: <Time lang={language} at={job.changedAt} /> },
                ]}
              />
            </Panel>
            <Panel title={t("boot-jobs.page.variables")}>
              <p class="dim">{t("boot-jobs.page.variablesHint")}</p>
              <DefinitionList
                lang={language}
                items={variables.map(({ name, label }) => ({
                  label: `{${name}}`,
                  value: t(label),
                }))}
              />
            </Panel>
          </>
        }
      >
        <JobRules job={job} viewer={viewer} />
      </WithRail>
    </>
  );
}
