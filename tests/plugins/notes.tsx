/** @jsxImportSource jimv */
/**
 * A whole plugin from outside the executable, as small as one can be and still use most of the contract:
 * a table, an API, a page with words, a setting, a nightly turn and a task that a node carries out; and, for other
 * plugins, a variable of boot jobs and a tab on each guest's page.
 */
import {
  AppError,
  type ControllerContext,
  createSql,
  definePlugin,
  defineTask,
  defineWords,
  eq,
  insert,
  type NodeContext,
  remove,
  serviceKey,
  Type,
  table,
  text,
  update,
  type Viewer,
} from "jimv";
import { Panel } from "jimv/ui";

const notes = table("notes", { id: text(36).primaryKey(), body: text(100).notNull(), node: text(64) });

const words = defineWords({
  en: {
    "notes.title": "Notes",
    "notes.none": "There is no such note.",
    "notes.count": "How many notes there are",
  },
  "zh-CN": { "notes.title": "便签", "notes.none": "没有这条便签。", "notes.count": "便签数量" },
});

const settings = Type.Object({ prefix: Type.String({ default: "note: ", maxLength: 20 }) });

const stamp = defineTask({
  kind: "notes.stamp",
  payload: Type.Object({ id: Type.String(), body: Type.String() }),
  result: Type.Object({ node: Type.String() }),
  deadlineMs: 60_000,
  resend: true,
  attempts: 3,
  cancellable: true,
  weight: "light",
});

function controller(context: ControllerContext): void {
  const { store, web, slots } = context;
  slots.add(serviceKey("boot-jobs.variables"), {
    name: "NOTE-COUNT",
    label: "notes.count",
    value: async () => String(await store.count(notes)),
  });
  slots.add(serviceKey("guests.tabs"), {
    key: "notes",
    label: (viewer: Viewer) => viewer.say("notes.title"),
    render: (guest: { name: string }) => <Panel title={guest.name}>Notes of {guest.name}</Panel>,
  });
  context.schedule("notes.nightly", "0 3 * * *", null, async () => {
    await store.run(remove(notes, eq(notes.body, "for today")));
  });
  web.nav({
    group: "system",
    order: 900,
    href: "/notes",
    icon: "scroll-text",
    word: "notes.title",
    role: "reader",
  });
  web.page({
    method: "GET",
    path: "/notes",
    role: "reader",
    async handle({ viewer }) {
      const { prefix } = await context.settings.read("notes", settings);
      const rows = await store.select(notes);
      return {
        title: viewer.say("notes.title"),
        page: (
          <Panel title={viewer.say("notes.title")}>
            {rows.map((row) => (
              <p>
                {prefix}
                {row.body}
              </p>
            ))}
          </Panel>
        ),
      };
    },
  });
  web.api({
    method: "POST",
    path: "/notes/{node}",
    summary: "Leave a note on a node",
    tag: "notes",
    role: "operator",
    params: Type.Object({ node: Type.String() }),
    body: Type.Object(
      { body: Type.String({ minLength: 1, maxLength: 100 }) },
      { additionalProperties: false },
    ),
    answer: { status: 202 },
    async handle({ params, body, viewer }) {
      const id = crypto.randomUUID();
      const task = await context.tasks.prepare(stamp, {
        node: params.node,
        target: { type: "note", key: id, name: body.body },
        payload: { id, body: body.body },
        actor: viewer.actor,
      });
      await store.batch([insert(notes, { id, body: body.body }), ...task.statements], {
        events: task.events,
      });
      context.tasks.kick();
      return { body: { id, task: { id: task.id } } };
    },
  });
  web.api({
    method: "GET",
    path: "/notes/{id}",
    summary: "Read a note",
    tag: "notes",
    role: "reader",
    params: Type.Object({ id: Type.String() }),
    answer: { status: 200 },
    async handle({ params }) {
      const note = await store.first(notes, { where: eq(notes.id, params.id) });
      if (!note) throw new AppError("notFound", "notes.none");
      return { body: note };
    },
  });
  context.settle(stamp, {
    succeeded: (task, _payload, result) => ({
      statements: [update(notes, { node: result.node }, eq(notes.id, task.targetKey))],
    }),
    failed: () => ({ statements: [] }),
  });
}

function node(context: NodeContext): void {
  context.operation(stamp, async () => ({ node: context.nodeName }));
}

const migrations = [
  { id: "0001-notes", sqlite: createSql(notes, "sqlite"), mysql: createSql(notes, "mysql") },
];

export default definePlugin({
  name: "notes",
  words,
  tables: [notes],
  migrations,
  settings,
  controller,
  node,
});
