/** Removing a node, taking a renamed one over, its address and maintenance: dialogs and posts. */
import { AppError, type ControllerContext, type PageAnswer, parseForm, Type, type Viewer } from "jimv";
import { Button, Dialog, Notice, Select, Stack, TextInput } from "jimv/ui";
import { type Belonging, type Departure, type Fate, fates } from "./departure.ts";
import { ManagementAddress } from "./routes.ts";
import type { NodeService } from "./service.ts";
import { nodeHref } from "./table.tsx";
import type { Takeover } from "./takeover.ts";

export function leavingPages(
  context: ControllerContext,
  service: NodeService,
  departure: Departure,
  takeover: Takeover,
): void {
  const { web } = context;
  const nameOf = (params: Record<string, string>): string => params.name ?? "";

  web.page({
    method: "POST",
    path: "/nodes/{name}/take-over",
    role: "administrator",
    async handle({ params, form }): Promise<PageAnswer> {
      await takeover.takeOver(String(form.from ?? ""), nameOf(params));
      return { redirect: nodeHref(nameOf(params)) };
    },
  });

  web.page({
    method: "GET",
    path: "/nodes/{name}/remove",
    role: "administrator",
    async handle({ params, viewer }) {
      const name = nameOf(params);
      const node = await service.get(name);
      if (node && node.state !== "offline")
        throw new AppError("conflict", "nodes.remove.alive", { node: name });
      const { belongings, tasks } = await departure.preview(name);
      return {
        fragment: (
          <RemoveDialog
            viewer={viewer}
            node={name}
            isGone={node === null}
            belongings={belongings}
            openTasks={tasks.length}
          />
        ),
      };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/remove",
    role: "administrator",
    async handle({ params, form }): Promise<PageAnswer> {
      const chosen = Object.entries(form).flatMap(([name, value]): [string, Fate][] => {
        const fate = fates.find((one) => one === value);
        return name.startsWith("fate.") && fate ? [[name.slice("fate.".length), fate]] : [];
      });
      await departure.remove(nameOf(params), new Map(chosen));
      return { redirect: "/nodes" };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/maintenance",
    role: "administrator",
    async handle({ params, form }): Promise<PageAnswer> {
      await service.change(nameOf(params), { maintenance: form.maintenance === "true" });
      return { redirect: nodeHref(nameOf(params)) };
    },
  });

  web.page({
    method: "GET",
    path: "/nodes/{name}/address",
    role: "administrator",
    async handle({ params, viewer }) {
      const node = await service.need(nameOf(params));
      return { fragment: <AddressDialog viewer={viewer} node={node} value={node.managementAddress ?? ""} /> };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/address",
    role: "administrator",
    async handle({ params, form }): Promise<PageAnswer> {
      const node = await service.need(nameOf(params));
      const parsed = parseForm(AddressForm, form);
      if (!parsed.ok) throw new AppError("invalid", "nodes.address.form");
      const managementAddress = parsed.value.managementAddress || null;
      await service.change(node.name, { managementAddress });
      return { redirect: nodeHref(node.name) };
    },
  });
}

const AddressForm = Type.Object({ managementAddress: Type.Optional(ManagementAddress) });

/** Where others reach the node: one of its interfaces' addresses, or another that a person types. */
function AddressDialog(p: {
  viewer: Viewer;
  node: { name: string; addresses: readonly { name: string; address: string }[] };
  value: string;
}) {
  const { say, language, csrf } = p.viewer;
  const post = `${nodeHref(p.node.name)}/address`;
  return (
    <Dialog
      lang={language}
      id="node-address"
      open
      title={say("nodes.address.title", { node: p.node.name })}
      actions={
        <Button kind="primary" type="submit" formId="node-address-form">
          {say("nodes.address.save")}
        </Button>
      }
    >
      <form id="node-address-form" method="post" action={post} hx-post={post} hx-swap="none">
        {csrf === null ? null : <input type="hidden" name="_csrf" value={csrf} />}
        <TextInput
          name="managementAddress"
          label={say("nodes.def.address")}
          hint={say("nodes.address.hint")}
          value={p.value}
          mono
        />
        {p.node.addresses.length > 0 ? (
          <p class="hint">
            {say("nodes.address.interfaces", {
              list: p.node.addresses.map(({ name, address }) => `${name}: ${address}`).join(", "),
            })}
          </p>
        ) : null}
      </form>
    </Dialog>
  );
}

/** Says for which removed nodes something waits, with the way to decide about it. */
export function AwaitedNotices(p: { viewer: Viewer; names: readonly string[] }) {
  const { say } = p.viewer;
  return (
    <>
      {p.names.map((node) => (
        <Notice tone="warn">
          {say("nodes.awaited.notice", { node })}{" "}
          {p.viewer.role === "administrator" ? (
            <Button dialogUrl={`${nodeHref(node)}/remove`}>{say("nodes.awaited.action")}</Button>
          ) : null}
        </Notice>
      ))}
    </>
  );
}

/** Lists every guest and disk with what becomes of it; nothing is chosen for people but to keep. */
function RemoveDialog(p: {
  viewer: Viewer;
  node: string;
  /** It was removed before, and this is about what waits for its return. */
  isGone: boolean;
  belongings: readonly Belonging[];
  openTasks: number;
}) {
  const { say, language, csrf } = p.viewer;
  const post = `${nodeHref(p.node)}/remove`;
  return (
    <Dialog
      lang={language}
      id="remove-node"
      open
      danger
      wide
      title={say(p.isGone ? "nodes.awaited.title" : "nodes.remove.title", { node: p.node })}
      actions={
        <Button kind="danger" type="submit" class="solid" formId="remove-node-form">
          {p.isGone ? say("nodes.awaited.confirm") : say("nodes.remove.confirm", { node: p.node })}
        </Button>
      }
    >
      <form
        id="remove-node-form"
        method="post"
        action={post}
        hx-post={post}
        hx-swap="none"
        data-closes="remove-node"
      >
        {csrf === null ? null : <input type="hidden" name="_csrf" value={csrf} />}
        <Stack>
          <p>{say(p.isGone ? "nodes.awaited.explain" : "nodes.remove.explain")}</p>
          {p.openTasks > 0 ? (
            <Notice tone="warn">{say("nodes.remove.tasks", { n: p.openTasks })}</Notice>
          ) : null}
          {p.belongings.length === 0 ? <p class="hint">{say("nodes.remove.nothing")}</p> : null}
          {p.belongings.map((each) => (
            <Select
              name={`fate.${each.key}`}
              label={say(`nodes.remove.${each.kind}`, { name: each.name })}
              hint={each.parts.map(({ name, sizeGiB }) => `${name} (${sizeGiB} GiB)`).join(", ")}
              value="keep"
              options={fates.map((fate) => ({ value: fate, label: say(`nodes.remove.fate.${fate}`) }))}
            />
          ))}
        </Stack>
      </form>
    </Dialog>
  );
}
