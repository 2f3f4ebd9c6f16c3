/** The rules of templates: registering, checking, changing and taking them away. Controller side. */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  contains,
  desc,
  type EventRow,
  eq,
  fieldError,
  insert,
  made,
  type Order,
  or,
  plus,
  type ReportEffects,
  type ResultOf,
  remove,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
  type TaskError,
  update,
} from "jimv";
import type { NodeService, NodeView } from "../nodes/index.ts";
import { nameKeyOf, refusedPath, wholeGiB } from "./rules.ts";
import {
  type InitMode,
  type OsFamily,
  type Template,
  type TemplateIcon,
  type TemplateState,
  templates,
} from "./schema.ts";
import type { TemplateSupply } from "./supply.ts";
import { checkTemplate } from "./tasks.ts";

/** What a person says of an image. */
export interface TemplateInput {
  name: string;
  path: string;
  /** Left out: the only node there is. */
  nodeName?: string | undefined;
  osFamily: OsFamily;
  /** Left out: as the family says. */
  isWindows?: boolean | undefined;
  /** Left out: as large as the image. */
  defaultSizeGiB?: number | undefined;
  icon?: TemplateIcon | undefined;
  init: InitMode;
  /** Left out: `Administrator` on Windows, else `root`. */
  userName?: string | undefined;
}

export type TemplateChange = Partial<Omit<TemplateInput, "path" | "nodeName">>;

/** Who depends on a template, asked before it is deleted: the names of guests or disks made as links to it. */
export type TemplateUsers = (templateId: string) => Promise<readonly string[]>;

export const templateSort = ["name", "createdAt"] as const;
export interface TemplateQuery {
  q?: string | undefined;
  state?: TemplateState | undefined;
  nodeName?: string | undefined;
  osFamily?: OsFamily | undefined;
  sort?: { field: (typeof templateSort)[number]; descending: boolean };
  limit?: number;
  offset?: number;
}

const templateEvent = (id: string, data: unknown = null): EventRow => ({ topic: "template", key: id, data });

/** How many names of users a refusal lists. */
const namesShown = 5;
/** How often a removal looks anew when guests were made, or somebody else was faster, meanwhile. */
const removalTries = 20;

/** Whether a batch was refused because a template was used, checked or removed meanwhile. */
export const isOutrun = (error: unknown): boolean =>
  error instanceof StoreExpectationError && error.table === "templates";

export class TemplateService {
  constructor(
    private readonly context: Pick<ControllerContext, "store" | "clock" | "tasks" | "commit">,
    private readonly nodes: Pick<NodeService, "list" | "get">,
    private readonly users: () => readonly TemplateUsers[],
    readonly supply: TemplateSupply,
  ) {}

  async list(query: TemplateQuery = {}): Promise<{ items: Template[]; total: number }> {
    const { q, state, nodeName, osFamily, limit, offset } = query;
    const where = and(
      q ? or(contains(templates.name, q), contains(templates.path, q)) : undefined,
      state ? eq(templates.state, state) : undefined,
      nodeName ? eq(templates.nodeName, nodeName) : undefined,
      osFamily ? eq(templates.osFamily, osFamily) : undefined,
    );
    const sort = query.sort ?? { field: "name", descending: false };
    const column = sort.field === "name" ? templates.nameKey : templates.createdAt;
    const orderBy: Order[] = [sort.descending ? desc(column) : asc(column), asc(templates.id)];
    const items = await this.context.store.select(templates, { where, orderBy, limit, offset });
    return { items, total: await this.context.store.count(templates, where) };
  }

  get(id: string): Promise<Template | null> {
    return this.context.store.first(templates, { where: eq(templates.id, id) });
  }

  /** @throws AppError notFound */
  async need(id: string): Promise<Template> {
    const template = await this.get(id);
    if (!template) throw new AppError("notFound", "templates.notFound");
    return template;
  }

  /** A template that guests can be made from now. @throws AppError notFound, conflict unless it is ready */
  async usable(id: string): Promise<Template> {
    const template = await this.need(id);
    if (template.state === "ready") return template;
    throw new AppError("conflict", `templates.not.${template.state}`, { name: template.name });
  }

  /**
   * Statements for the batch that makes guests of it: refused by the database when it was taken away meanwhile, or is
   * being checked. Of a removal and a creation at the same time, one comes first, and the other looks anew.
   */
  using(id: string): Statement[] {
    const isReady = and(eq(templates.id, id), eq(templates.state, "ready"));
    return [update(templates, { uses: plus(templates.uses, 1) }, isReady, { expect: 1 })];
  }

  /** How many templates are in each state. */
  counts(): Promise<Map<TemplateState, number>> {
    return this.context.store.countBy(templates, templates.state);
  }

  /** What is wrong with a name, beyond its form. `except` is the template that has it already. */
  async checkName(name: string, except: string | null): Promise<AppError | null> {
    const other = await this.context.store.first(templates, {
      where: eq(templates.nameKey, nameKeyOf(name)),
    });
    return other && other.id !== except ? nameTaken(name) : null;
  }

  /** What is wrong with a path on a node, as far as can be told without looking at the file. */
  async checkPath(path: string, nodeName: string | undefined): Promise<AppError | null> {
    const node = nodeName ? await this.nodes.get(nodeName) : null;
    const refused = refusedPath(path, node?.storage?.path ?? null);
    return refused ? fieldError("path", refused, { path, folder: node?.storage?.path ?? "" }) : null;
  }

  /**
   * Writes the template down and has its node look at the image: it is `checking`, then `ready` or `refused`.
   * @throws AppError invalid or conflict at a field
   */
  async register(input: TemplateInput, actor: Actor): Promise<{ template: Template; taskId: string }> {
    const node = await this.nodeFor(input.nodeName);
    const refused = await this.checkPath(input.path, node.name);
    if (refused) throw refused;
    const isWindows = input.isWindows ?? input.osFamily === "windows";
    const row: Template = {
      id: Bun.randomUUIDv7(),
      name: input.name.trim(),
      nameKey: nameKeyOf(input.name.trim()),
      path: input.path,
      nodeName: node.name,
      osFamily: input.osFamily,
      isWindows,
      defaultSizeGiB: input.defaultSizeGiB ?? 1,
      icon: input.icon ?? (isWindows ? "windows" : input.osFamily === "bsd" ? "freebsd" : "generic"),
      init: input.init,
      userName: input.userName ?? (isWindows ? "Administrator" : "root"),
      state: "checking",
      refusedWord: null,
      refusedArgs: null,
      format: null,
      virtualSizeBytes: null,
      actualSizeBytes: null,
      fileSizeBytes: null,
      othersRead: false,
      checkedAt: null,
      uses: 0,
      createdAt: this.context.clock.now(),
    };
    const task = await this.prepareCheck(row, actor);
    await this.named(row.name, () =>
      this.context.commit(
        [insert(templates, row), ...task.statements],
        [templateEvent(row.id, made), ...task.events],
      ),
    );
    this.context.tasks.kick();
    return { template: row, taskId: task.id };
  }

  /** Looks at the image again. Returns the task's id. @throws AppError notFound, conflict while it is checked */
  async check(id: string, actor: Actor): Promise<string> {
    const template = await this.need(id);
    if (template.state === "checking")
      throw new AppError("conflict", "templates.not.checking", { name: template.name });
    const node = await this.nodes.get(template.nodeName);
    const refused = refusedPath(template.path, node?.storage?.path ?? null);
    if (refused)
      throw new AppError("conflict", refused, { path: template.path, folder: node?.storage?.path ?? "" });
    const task = await this.prepareCheck(template, actor);
    const set = { state: "checking", refusedWord: null, refusedArgs: null } as const;
    await this.context.commit(
      [update(templates, set, eq(templates.id, id), { expect: 1 }), ...task.statements],
      [templateEvent(id), ...task.events],
    );
    this.context.tasks.kick();
    return task.id;
  }

  /** Changes what a person says of it; the file stays. Guests that exist keep what they have. @throws AppError */
  async change(id: string, change: TemplateChange): Promise<Template> {
    const template = await this.need(id);
    const least = template.virtualSizeBytes === null ? 1 : wholeGiB(template.virtualSizeBytes);
    if (change.defaultSizeGiB !== undefined && change.defaultSizeGiB < least)
      throw fieldError("defaultSizeGiB", "templates.tooSmall", { least });
    const name = change.name?.trim();
    const set = { ...change, ...(name === undefined ? {} : { name, nameKey: nameKeyOf(name) }) };
    await this.named(name ?? template.name, () =>
      this.context.commit([update(templates, set, eq(templates.id, id), { expect: 1 })], [templateEvent(id)]),
    );
    return this.need(id);
  }

  /** Forgets the template and removes its copies; the image file stays. @throws AppError notFound, conflict while linked disks need it */
  async remove(id: string, actor: Actor): Promise<void> {
    for (let left = removalTries; ; left--) {
      const template = await this.need(id);
      if (template.state === "checking")
        throw new AppError("conflict", "templates.not.checking", { name: template.name });
      const users = await this.usersOf(id);
      if (users.length > 0)
        throw new AppError("conflict", "templates.inUse", {
          name: template.name,
          count: users.length,
          names: users.slice(0, namesShown).join(", "),
        });
      const copies = await this.supply.dropAll(template, actor);
      const asSeen = and(
        eq(templates.id, id),
        eq(templates.uses, template.uses),
        eq(templates.state, template.state),
      );
      try {
        await this.context.commit(
          [remove(templates, asSeen, { expect: 1 }), ...copies.statements],
          [templateEvent(id), ...copies.events],
        );
        break;
      } catch (error) {
        if (!isOutrun(error)) throw error;
        if (left <= 1)
          throw new AppError("unavailable", "templates.busy", { name: template.name }, { cause: error });
      }
    }
    this.context.tasks.kick();
  }

  /** Names of what was made as a link to the template. */
  async usersOf(id: string): Promise<string[]> {
    const lists = await Promise.all(this.users().map((users) => users(id)));
    return lists.flat();
  }

  checked(task: Task, result: ResultOf<typeof checkTemplate>, template: Template | null): ReportEffects {
    const { format, virtualSizeBytes, actualSizeBytes, fileSizeBytes, othersRead } = result;
    const least = wholeGiB(virtualSizeBytes);
    return this.ending(task, {
      state: "ready",
      refusedWord: null,
      refusedArgs: null,
      format,
      virtualSizeBytes,
      actualSizeBytes,
      fileSizeBytes,
      othersRead,
      defaultSizeGiB: Math.max(least, template?.defaultSizeGiB ?? least),
    });
  }

  refused(task: Task, error: TaskError): ReportEffects {
    return this.ending(task, { state: "refused", refusedWord: error.word, refusedArgs: error.args });
  }

  private ending(task: Task, set: Partial<Template>): ReportEffects {
    const id = task.targetKey;
    return {
      statements: [update(templates, { ...set, checkedAt: this.context.clock.now() }, eq(templates.id, id))],
      events: [templateEvent(id)],
    };
  }

  private prepareCheck(template: Template, actor: Actor) {
    return this.context.tasks.prepare(checkTemplate, {
      node: template.nodeName,
      target: { type: "template", key: template.id, name: template.name },
      exclusive: `template:${template.id}`,
      payload: { path: template.path },
      actor,
    });
  }

  private async nodeFor(name: string | undefined): Promise<NodeView> {
    if (name !== undefined) {
      const node = await this.nodes.get(name);
      if (!node) throw fieldError("nodeName", "nodes.notFound", { node: name });
      return node;
    }
    const [only, ...more] = await this.nodes.list();
    if (!only || more.length > 0)
      throw fieldError("nodeName", "templates.whichNode", { count: only ? more.length + 1 : 0 });
    return only;
  }

  private async named(name: string, fn: () => Promise<void>): Promise<void> {
    try {
      await fn();
    } catch (error) {
      if (error instanceof StoreUniqueError && error.index === "templates_name_key") throw nameTaken(name);
      throw error;
    }
  }
}

const nameTaken = (name: string): AppError => fieldError("name", "templates.nameTaken", { name }, "conflict");
