/** The pages of templates: list, one template, registering, changing, deleting. */
import {
  type ControllerContext,
  type FieldError,
  type Html,
  type PageAnswer,
  type PageCall,
  sortOf,
  submitForm,
  type TriedForm,
  type Viewer,
} from "jimv";
import { Button, EmptyState, List, listAddress, listPageSize, PageHead, toasted } from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import { DeleteDialog, TemplatePage } from "./detail.tsx";
import { ChangeForm, RegisterForm, TemplateForm } from "./form.tsx";
import { type Template, type TemplateState, templateStates } from "./schema.ts";
import { type TemplateService, templateSort } from "./service.ts";
import { templateHref, templateTable } from "./table.tsx";

export function startPages(context: ControllerContext, service: TemplateService, nodes: NodeService): void {
  const { web } = context;
  const crumbs = (viewer: Viewer) => [{ href: "/templates", label: viewer.say("templates.title") }];
  const idOf = ({ params }: PageCall): string => params.id ?? "";

  web.nav({
    group: "compute",
    order: 25,
    href: "/templates",
    icon: "template",
    word: "nav.templates",
    role: "reader",
    async count() {
      const counts = await service.counts();
      const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
      return all > 0 ? { text: String(all) } : null;
    },
    changedBy: ({ topic }) => topic === "template",
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
      const state = templateList.read(url);
      const found = await service.list({
        q: state.q,
        state: state.show === "all" ? undefined : state.show,
        sort: sortOf(state.sort, "name"),
        limit: listPageSize,
        offset: (state.page - 1) * listPageSize,
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
    handle: async ({ viewer }) => pageAround(viewer, null, await formOf(viewer, {}, [], null)),
  });

  web.page({
    method: "POST",
    path: "/templates/new",
    role: "administrator",
    handle: (call) =>
      submitForm(call, RegisterForm, {
        ...redrawn(call, null),
        async act(value) {
          const { template } = await service.register(value, call.viewer.actor);
          return { redirect: templateHref(template.id) };
        },
      }),
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
      const values = { name, osFamily, isWindows, defaultSizeGiB, icon, init, userName };
      return pageAround(call.viewer, template, await formOf(call.viewer, values, [], template));
    },
  });

  web.page({
    method: "POST",
    path: "/templates/{id}/edit",
    role: "administrator",
    async handle(call): Promise<PageAnswer> {
      const template = await service.need(idOf(call));
      return submitForm(call, ChangeForm, {
        ...redrawn(call, template),
        async act({ id: _, ...change }) {
          await service.change(template.id, change);
          return { redirect: templateHref(template.id) };
        },
      });
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
      await service.remove(id, call.viewer.actor);
      const isHere = new URL(call.request.headers.get("hx-current-url") ?? "http://localhost/").pathname;
      if (!call.partial || isHere === templateHref(id)) return { redirect: "/templates" };
      const children = viewer.say("templates.deleted", { name, path });
      return { fragment: await toasted({ lang: viewer.language, tone: "ok", children }) };
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

  async function formOf(
    viewer: Viewer,
    values: Values,
    errors: readonly FieldError[],
    template: Template | null,
  ) {
    const nodeNames = (await nodes.list()).map((node) => node.name);
    const inside = { viewer, values, errors, nodeNames, id: template?.id ?? null };
    return <TemplateForm {...inside} />;
  }

  function pageAround(viewer: Viewer, template: Template | null, form: Html) {
    const { say } = viewer;
    const title = template
      ? say("templates.edit.title", { name: template.name })
      : say("templates.new.title");
    return {
      title,
      crumbs: crumbs(viewer),
      page: (
        <>
          <PageHead title={title} sub={say(template ? "templates.edit.sub" : "templates.new.sub")} />
          {form}
        </>
      ),
    };
  }

  /** How a refused form comes back: alone, or as its page for a browser without script. */
  function redrawn(call: PageCall, template: Template | null) {
    const { viewer } = call;
    return {
      async again({ posted, errors, problem }: TriedForm) {
        if (problem) throw problem;
        const values: Values = Object.fromEntries(
          Object.entries(posted).map(([name, value]) => [
            name,
            typeof value === "string" ? value : value.at(-1),
          ]),
        );
        return formOf(viewer, values, errors, template);
      },
      page: (form: Html) => pageAround(viewer, template, form),
    };
  }
}

/** What the address asks for: templates in one state, or all. */
const templateList = listAddress({
  path: "/templates",
  shows: ["all", ...templateStates],
  sorts: templateSort,
  sort: "name",
});

function TemplateList(p: {
  viewer: Viewer;
  found: { items: Template[]; total: number };
  counts: ReadonlyMap<TemplateState, number>;
  state: ReturnType<typeof templateList.read>;
}) {
  const { viewer, found, counts, state } = p;
  const { say, language } = viewer;
  const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
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
      <List
        lang={language}
        address={templateList}
        state={state}
        spec={templateTable(viewer)}
        found={found}
        label={say("templates.title")}
        placeholder={say("templates.filter")}
        segments={[
          { key: "all", label: say("templates.segment.all"), count: all },
          ...templateStates.map((key) => ({
            key,
            label: say(`state.template.${key}`),
            count: counts.get(key) ?? 0,
          })),
        ]}
        hidesSome={all > 0}
        empty={
          <EmptyState
            icon="template"
            title={say("templates.empty")}
            text={say("templates.emptyHint")}
            action={register}
          />
        }
      />
    </>
  );
}
