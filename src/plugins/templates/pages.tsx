/** The pages of templates: list, one template, registering, changing, deleting. */
import {
  AppError,
  type ControllerContext,
  type FieldError,
  type PageAnswer,
  type PageCall,
  parseForm,
  sortOf,
  type Viewer,
} from "jimv";
import {
  append,
  Button,
  EmptyState,
  FilterBar,
  html,
  NothingMatches,
  PageHead,
  Pager,
  Table,
  Toast,
} from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import { DeleteDialog, TemplatePage } from "./detail.tsx";
import { ChangeForm, RegisterForm, TemplateForm } from "./form.tsx";
import { type Template, type TemplateState, templateStates } from "./schema.ts";
import { type TemplateService, templateSort } from "./service.ts";
import { templateHref, templateTable } from "./table.tsx";

const pageSize = 50;

export function startPages(context: ControllerContext, service: TemplateService, nodes: NodeService): void {
  const { web } = context;
  const crumbs = (viewer: Viewer) => [{ href: "/templates", label: viewer.say("templates.title") }];
  const idOf = ({ params }: PageCall): string => params.id ?? "";

  web.nav({
    group: "compute",
    order: 20,
    href: "/templates",
    icon: "template",
    word: "nav.templates",
    role: "reader",
    async count() {
      const counts = await service.counts();
      const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
      return all > 0 ? { text: String(all) } : null;
    },
  });

  web.search(async (q) => {
    const { items } = await service.list({ q, limit: 5 });
    return items.map((template) => ({
      href: templateHref(template.id),
      icon: "template",
      label: template.name,
      hint: template.path,
    }));
  });

  web.page({
    method: "GET",
    path: "/templates",
    role: "reader",
    async handle({ url, viewer }) {
      const query = url.searchParams;
      const state: ListState = {
        q: (query.get("q") ?? "").slice(0, 200),
        show: templateStates.find((one) => one === query.get("show")) ?? null,
        sort: sorts.find((one) => one === query.get("sort")) ?? "name",
        page: Math.max(1, Math.min(1_000_000, Number.parseInt(query.get("page") ?? "1", 10) || 1)),
      };
      const found = await service.list({
        q: state.q,
        state: state.show ?? undefined,
        sort: sortOf(state.sort, "name"),
        limit: pageSize,
        offset: (state.page - 1) * pageSize,
      });
      return {
        title: viewer.say("templates.title"),
        views: ["templates"],
        page: <TemplateList viewer={viewer} found={found} counts={await service.counts()} state={state} />,
      };
    },
  });

  web.page({
    method: "GET",
    path: "/templates/new",
    role: "administrator",
    handle: ({ viewer }) => formPage(viewer, {}, [], null),
  });

  web.page({
    method: "POST",
    path: "/templates/new",
    role: "administrator",
    async handle(call): Promise<PageAnswer> {
      const { form, viewer } = call;
      const parsed = parseForm(RegisterForm, form);
      if (!parsed.ok) return refusedForm(call, parsed.errors, null);
      try {
        const { template } = await service.register(parsed.value, viewer.actor);
        return { redirect: templateHref(template.id) };
      } catch (error) {
        if (error instanceof AppError && error.fields.length > 0)
          return refusedForm(call, error.fields, null);
        throw error;
      }
    },
  });

  web.page({
    method: "GET",
    path: "/templates/{id}",
    role: "reader",
    async handle(call) {
      const { viewer } = call;
      const template = await service.need(idOf(call));
      return {
        title: template.name,
        crumbs: crumbs(viewer),
        views: [`template:${template.id}`],
        page: <TemplatePage template={template} users={await service.usersOf(template.id)} viewer={viewer} />,
      };
    },
  });

  web.page({
    method: "GET",
    path: "/templates/{id}/edit",
    role: "administrator",
    async handle(call) {
      const template = await service.need(idOf(call));
      const { name, osFamily, isWindows, defaultSizeGiB, icon, init, userName } = template;
      return formPage(
        call.viewer,
        { name, osFamily, isWindows, defaultSizeGiB, icon, init, userName },
        [],
        template,
      );
    },
  });

  web.page({
    method: "POST",
    path: "/templates/{id}/edit",
    role: "administrator",
    async handle(call): Promise<PageAnswer> {
      const template = await service.need(idOf(call));
      const parsed = parseForm(ChangeForm, call.form);
      if (!parsed.ok) return refusedForm(call, parsed.errors, template);
      const { id: _, ...change } = parsed.value;
      try {
        await service.change(template.id, change);
        return { redirect: templateHref(template.id) };
      } catch (error) {
        if (error instanceof AppError && error.fields.length > 0)
          return refusedForm(call, error.fields, template);
        throw error;
      }
    },
  });

  web.page({
    method: "POST",
    path: "/templates/{id}/check",
    role: "administrator",
    async handle(call): Promise<PageAnswer> {
      await service.check(idOf(call), call.viewer.actor);
      // The row or page changes by its live view.
      return call.partial ? { fragment: "" } : { redirect: templateHref(idOf(call)) };
    },
  });

  web.page({
    method: "GET",
    path: "/templates/{id}/delete",
    role: "administrator",
    async handle(call) {
      return { fragment: <DeleteDialog template={await service.need(idOf(call))} viewer={call.viewer} /> };
    },
  });

  web.page({
    method: "POST",
    path: "/templates/{id}/delete",
    role: "administrator",
    async handle(call): Promise<PageAnswer> {
      const { viewer } = call;
      const { id, name, path } = await service.need(idOf(call));
      await service.remove(id);
      const isHere = new URL(call.request.headers.get("hx-current-url") ?? "http://localhost/").pathname;
      if (!call.partial || isHere === templateHref(id)) return { redirect: "/templates" };
      const text = viewer.say("templates.deleted", { name, path });
      return {
        fragment: append(
          "toasts",
          await html(
            <Toast lang={viewer.language} tone="ok">
              {text}
            </Toast>,
          ),
        ),
      };
    },
  });

  web.form({
    name: "templates-register",
    schema: RegisterForm,
    role: "administrator",
    async check({ name, path, nodeName }, field) {
      if (field === "name" && name !== undefined) return service.checkName(name, null);
      if (field !== "path" || path === undefined) return null;
      const [only, ...more] = await nodes.list();
      return service.checkPath(path, nodeName ?? (more.length === 0 ? only?.name : undefined));
    },
  });
  web.form({
    name: "templates-change",
    schema: ChangeForm,
    role: "administrator",
    check: async ({ id, name }, field) =>
      field === "name" && name !== undefined ? service.checkName(name, id ?? null) : null,
  });

  type Values = Readonly<Record<string, string | number | boolean | undefined>>;

  async function formPage(
    viewer: Viewer,
    values: Values,
    errors: readonly FieldError[],
    template: Template | null,
  ): Promise<PageAnswer> {
    const { say } = viewer;
    const title = template
      ? say("templates.edit.title", { name: template.name })
      : say("templates.new.title");
    const nodeNames = (await nodes.list()).map((node) => node.name);
    const inside = { viewer, values, errors, nodeNames, id: template?.id ?? null };
    return {
      title,
      crumbs: crumbs(viewer),
      status: errors.length > 0 ? 422 : 200,
      page: (
        <>
          <PageHead title={title} sub={say(template ? "templates.edit.sub" : "templates.new.sub")} />
          <TemplateForm {...inside} />
        </>
      ),
    };
  }

  async function refusedForm(
    call: PageCall,
    errors: readonly FieldError[],
    template: Template | null,
  ): Promise<PageAnswer> {
    const values: Values = Object.fromEntries(
      Object.entries(call.form).map(([name, value]) => [
        name,
        typeof value === "string" ? value : value.at(-1),
      ]),
    );
    if (!call.partial) return formPage(call.viewer, values, errors, template);
    const nodeNames = (await nodes.list()).map((node) => node.name);
    const inside = { viewer: call.viewer, values, errors, nodeNames, id: template?.id ?? null };
    return { fragment: <TemplateForm {...inside} />, status: 422 };
  }
}

const sorts = templateSort.flatMap((field) => [field, `-${field}` as const]);

interface ListState {
  q: string;
  show: TemplateState | null;
  sort: (typeof sorts)[number];
  page: number;
}

function TemplateList(p: {
  viewer: Viewer;
  found: { items: Template[]; total: number };
  counts: ReadonlyMap<TemplateState, number>;
  state: ListState;
}) {
  const { viewer, found, counts, state } = p;
  const { say, language } = viewer;
  const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const address = (change: Partial<ListState>): string => {
    const next = { ...state, page: 1, ...change };
    const query = new URLSearchParams();
    if (next.show) query.set("show", next.show);
    if (next.q !== "") query.set("q", next.q);
    if (next.sort !== "name") query.set("sort", next.sort);
    if (next.page > 1) query.set("page", String(next.page));
    const text = query.toString();
    return text === "" ? "/templates" : `/templates?${text}`;
  };
  const register =
    viewer.role === "administrator" ? (
      <Button kind="primary" icon="plus" href="/templates/new" extra={{ "data-create": "" }}>
        {say("templates.register")}
      </Button>
    ) : undefined;
  return (
    <>
      <PageHead
        title={say("templates.title")}
        sub={say("templates.sub", { ready: counts.get("ready") ?? 0, all })}
        actions={all > 0 ? register : undefined}
      />
      <FilterBar
        lang={language}
        action="/templates"
        q={state.q}
        placeholder={say("templates.filter")}
        target="templates"
        keep={{ show: state.show ?? undefined, sort: state.sort === "name" ? undefined : state.sort }}
        segment={state.show ?? "all"}
        segments={[
          { key: "all", href: address({ show: null }), label: say("templates.segment.all"), count: all },
          ...templateStates.map((one) => ({
            key: one,
            href: address({ show: one }),
            label: say(`state.template.${one}`),
            count: counts.get(one) ?? 0,
          })),
        ]}
      />
      <Table
        lang={language}
        spec={templateTable(viewer)}
        rows={found.items}
        label={say("templates.title")}
        sorting={{
          key: state.sort.replace("-", ""),
          descending: state.sort.startsWith("-"),
          href: (key, descending) =>
            address({ sort: sorts.find((one) => one === `${descending ? "-" : ""}${key}`) ?? "name" }),
        }}
        empty={
          all > 0 ? (
            <NothingMatches lang={language} clearHref="/templates" />
          ) : (
            <EmptyState
              icon="template"
              title={say("templates.empty")}
              text={say("templates.emptyHint")}
              action={register}
            />
          )
        }
        pager={
          <Pager
            lang={language}
            page={state.page}
            pageSize={pageSize}
            total={found.total}
            href={(page) => address({ page })}
          />
        }
      />
    </>
  );
}
