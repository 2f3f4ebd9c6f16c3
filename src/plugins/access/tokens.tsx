/** The pages of API tokens: the list, a new one whose secret is shown once, and revoking. */
import {
  type AccessService,
  AppError,
  type Clock,
  constraintsOf,
  type FieldError,
  type FormSpec,
  fieldText,
  type PageAnswer,
  type PageCall,
  type PageRoute,
  type PostedForm,
  parseForm,
  RoleSchema,
  roles,
  sentenceOf,
  TokenName,
  Type,
  type Viewer,
} from "jimv";
import {
  Button,
  type Child,
  Command,
  DangerDialog,
  EmptyState,
  Form,
  html,
  Notice,
  PageHead,
  Panel,
  Row,
  remove,
  replace,
  Select,
  Stack,
  SubmitRow,
  Table,
  type TableSpec,
  Tag,
  TextInput,
  Time,
  toasted,
} from "jimv/ui";

type Token = Awaited<ReturnType<AccessService["tokens"]>>[number];

const validities = ["30", "90", "365", "never"] as const;
const dayMilliseconds = 24 * 3_600_000;

const NewToken = Type.Object({
  name: TokenName,
  role: RoleSchema,
  validDays: Type.Unsafe<(typeof validities)[number]>(
    Type.Union(validities.map((each) => Type.Literal(each))),
  ),
});

/** Checked while it is filled in, and when it is sent. */
export const tokenForm: FormSpec<typeof NewToken> = {
  name: "token",
  schema: NewToken,
  role: "administrator",
};

export function tokenPages(access: AccessService, clock: Clock): PageRoute[] {
  const one = async (call: PageCall): Promise<Token> => {
    const token = (await access.tokens()).find((each) => each.id === call.params.id);
    if (!token) throw new AppError("notFound", "access.noToken");
    return token;
  };
  return [
    {
      method: "GET",
      path: "/tokens",
      role: "administrator",
      handle: async ({ viewer }) => list(viewer, await access.tokens()),
    },
    {
      method: "GET",
      path: "/tokens/new",
      role: "administrator",
      handle: ({ viewer }) =>
        newPage(viewer, <TokenForm viewer={viewer} form={{ validDays: "90" }} errors={[]} />, 200),
    },
    {
      method: "POST",
      path: "/tokens/new",
      role: "administrator",
      handle: (call) => create(access, clock, call),
    },
    {
      method: "GET",
      path: "/tokens/{id}/revoke",
      role: "administrator",
      async handle(call) {
        const { say, language } = call.viewer;
        const { id, name } = await one(call);
        const dialog = (
          <DangerDialog
            lang={language}
            id="revoke"
            open
            title={say("access.tokens.revokeTitle", { name })}
            post={`/tokens/${id}/revoke`}
            victims={[say("access.tokens.victim", { name })]}
            confirm={say("access.tokens.revoke")}
          />
        );
        return { fragment: dialog };
      },
    },
    {
      method: "POST",
      path: "/tokens/{id}/revoke",
      role: "administrator",
      async handle(call) {
        const { id, name } = await one(call);
        await access.revokeToken(id);
        if (!call.partial) return { redirect: "/tokens" };
        const { say, language } = call.viewer;
        const toast = await toasted({
          lang: language,
          tone: "ok",
          children: say("access.tokens.revoked", { name }),
        });
        return { fragment: remove(rowId(id)) + toast };
      },
    },
  ];
}

const rowId = (id: string): string => `token-${id}`;

function tableOf({ say }: Viewer): TableSpec<Token> {
  return {
    id: "tokens",
    rowId: (token) => rowId(token.id),
    rowName: (token) => token.name,
    columns: [
      { key: "name", label: () => say("access.tokens.name"), cell: (token) => token.name, card: "title" },
      {
        key: "role",
        label: () => say("access.tokens.role"),
        cell: (token) => <Tag>{say(`frame.roles.${token.role}`)}</Tag>,
        width: "m",
      },
      {
        key: "createdBy",
        label: () => say("access.tokens.createdBy"),
        cell: (token) => token.createdBy,
        width: "m",
      },
      {
        key: "createdAt",
        label: () => say("access.tokens.created"),
        cell: (token, lang) => <Time lang={lang} at={token.createdAt} />,
        width: "m",
        wideOnly: true,
      },
      {
        key: "usedAt",
        label: () => say("access.tokens.used"),
        cell: (token, lang) => <Time lang={lang} at={token.usedAt} />,
        width: "m",
      },
      {
        key: "expiresAt",
        label: () => say("access.tokens.expires"),
        cell: (token, lang) =>
          token.expiresAt === null ? (
            say("access.tokens.valid.never")
          ) : (
            <Time lang={lang} at={token.expiresAt} />
          ),
        width: "m",
      },
    ],
    menu: (token) => [
      {
        label: `${say("access.tokens.revoke")}…`,
        icon: "delete",
        danger: true,
        dialogUrl: `/tokens/${token.id}/revoke`,
      },
    ],
  };
}

function list(viewer: Viewer, tokens: Token[]): PageAnswer {
  const { say, language } = viewer;
  const add = (
    <Button kind="primary" icon="plus" href="/tokens/new">
      {say("access.tokens.new")}
    </Button>
  );
  return {
    title: say("access.tokens.title"),
    page: (
      <Stack>
        <PageHead
          title={say("access.tokens.title")}
          sub={say("access.tokens.sub")}
          actions={tokens.length > 0 ? add : null}
        />
        <Table
          lang={language}
          spec={tableOf(viewer)}
          rows={tokens}
          label={say("access.tokens.title")}
          empty={
            <EmptyState
              icon="key"
              title={say("access.tokens.none")}
              text={say("access.tokens.noneHint")}
              action={add}
              doc={{ href: "/api/docs", label: "API" }}
            />
          }
        />
      </Stack>
    ),
  };
}

function newPage(viewer: Viewer, inside: Child, status: number): PageAnswer {
  const { say } = viewer;
  return {
    title: say("access.tokens.new"),
    crumbs: [{ href: "/tokens", label: say("access.tokens.title") }],
    status,
    page: (
      <Stack>
        <PageHead title={say("access.tokens.new")} sub={say("access.tokens.sub")} />
        {inside}
      </Stack>
    ),
  };
}

async function create(access: AccessService, clock: Clock, call: PageCall): Promise<PageAnswer> {
  const { viewer, form, partial } = call;
  const refuse = (errors: readonly FieldError[], problem?: string): PageAnswer => {
    const again = <TokenForm viewer={viewer} form={form} errors={errors} {...(problem ? { problem } : {})} />;
    return partial ? { fragment: again, status: 422 } : newPage(viewer, again, 422);
  };
  const parsed = parseForm(NewToken, form);
  if (!parsed.ok) return refuse(parsed.errors);
  const { name, role, validDays } = parsed.value;
  const expiresAt = validDays === "never" ? null : clock.now() + Number(validDays) * dayMilliseconds;
  try {
    const { secret } = await access.createToken({ name, role, expiresAt, createdBy: viewer.actor.name });
    const made = <Made viewer={viewer} name={name} secret={secret} />;
    return partial ? { fragment: replace("new-token", await html(made)) } : newPage(viewer, made, 201);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.fields.length > 0 ? refuse(error.fields) : refuse([], sentenceOf(error, viewer.say));
  }
}

function TokenForm(p: { viewer: Viewer; form: PostedForm; errors: readonly FieldError[]; problem?: string }) {
  const { say, language, csrf } = p.viewer;
  const text = (name: string): string => {
    const value = p.form[name];
    return typeof value === "string" ? value : "";
  };
  const error = (name: string): string | undefined => {
    const wrong = p.errors.find((each) => each.path === name);
    return wrong && fieldText(wrong, say);
  };
  return (
    <Form id="new-token" action="/tokens/new" check="/check/token" csrf={csrf}>
      <TextInput
        name="name"
        label={say("access.tokens.name")}
        hint={say("access.tokens.nameHint")}
        value={text("name")}
        error={error("name")}
        autofocus
        {...constraintsOf(NewToken, "name")}
      />
      <Select
        name="role"
        label={say("access.tokens.role")}
        hint={say("access.tokens.roleHint")}
        value={text("role")}
        error={error("role")}
        options={roles.map((role) => ({ value: role, label: say(`frame.roles.${role}`) }))}
      />
      <Select
        name="validDays"
        label={say("access.tokens.valid")}
        value={text("validDays")}
        error={error("validDays")}
        options={validities.map((value) => ({ value, label: say(`access.tokens.valid.${value}`) }))}
      />
      <SubmitRow
        lang={language}
        label={say("access.tokens.new")}
        cancelHref="/tokens"
        {...(p.problem ? { problems: p.problem } : {})}
      />
    </Form>
  );
}

/** The only time that anybody sees the secret. */
function Made({ viewer, name, secret }: { viewer: Viewer; name: string; secret: string }) {
  const { say, language } = viewer;
  return (
    <div id="new-token">
      <Panel>
        <Stack>
          <Notice tone="ok" title={say("access.tokens.made", { name })}>
            {say("access.tokens.once")}
          </Notice>
          <Command lang={language} text={secret} />
          <Row>
            <Button href="/tokens">{say("access.tokens.back")}</Button>
          </Row>
        </Stack>
      </Panel>
    </div>
  );
}
