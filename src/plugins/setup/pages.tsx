/** The wizard: live readiness checks above one form. Stands outside the frame, for whoever has the code. */
import {
  type AccessService,
  AppError,
  type ControllerContext,
  constraintsOf,
  type FieldError,
  fieldError,
  fieldText,
  type Language,
  languages,
  type PageAnswer,
  type PageCall,
  parseForm,
  type Viewer,
} from "jimv";
import {
  FieldRow,
  Form,
  FormSection,
  html,
  NumberInput,
  Panel,
  Password,
  PlainFrame,
  Select,
  Stack,
  SubmitRow,
  TextInput,
  WizardSteps,
} from "jimv/ui";
import { defaultVncPorts, type NodeView } from "../nodes/index.ts";
import type { Check, SetupCode, SetupHost } from "./contract.ts";
import { CheckPanels, Summary } from "./readiness.tsx";
import { SetupForm } from "./requests.ts";
import { freeSpace, type Setup } from "./service.ts";

const languageNames: Record<Language, string> = { en: "English", "zh-CN": "中文" };
/** Length of a password that the dice make. */
const generatedLength = 16;

interface State {
  values: Record<string, string>;
  errors: readonly FieldError[];
  checks: readonly Check[];
  node: NodeView | null;
  /** What is free where the typed folder would be. */
  space: Awaited<ReturnType<typeof freeSpace>>;
}

export function startPages(
  context: ControllerContext,
  setup: Setup,
  door: {
    code: SetupCode;
    host: SetupHost;
    enter: (call: PageCall, person: Parameters<AccessService["enter"]>[1]) => Promise<Record<string, string>>;
  },
): void {
  const { host } = door;
  const stateOf = async (
    values: Record<string, string>,
    errors: readonly FieldError[] = [],
  ): Promise<State> => ({
    values,
    errors,
    checks: await setup.checks(),
    node: await setup.node(),
    space: door.host.localNode === null ? null : await freeSpace(values.storagePath ?? ""),
  });

  context.web.page({
    method: "GET",
    path: "/set-up",
    role: "anyone",
    async handle({ viewer }) {
      if (await setup.look()) return { redirect: "/" };
      const state = await stateOf({
        language: viewer.language,
        storagePath: host.storagePath,
        vncPortFirst: String(defaultVncPorts.first),
        vncPortLast: String(defaultVncPorts.last),
      });
      return whole(viewer, host, state, 200);
    },
  });

  context.web.page({
    method: "POST",
    path: "/set-up",
    role: "anyone",
    async handle(call): Promise<PageAnswer> {
      const { viewer, form, partial } = call;
      if (await setup.look()) throw new AppError("conflict", "setup.done");
      const values = Object.fromEntries(
        Object.entries(form).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
      );
      const refuse = async (errors: readonly FieldError[]): Promise<PageAnswer> => {
        const state = await stateOf(values, errors);
        return partial
          ? { fragment: <SetupFormView viewer={viewer} state={state} host={host} />, status: 422 }
          : whole(viewer, host, state, 422);
      };
      const parsed = parseForm(SetupForm, form);
      if (!parsed.ok) return refuse(parsed.errors);
      const { code, again, bridge = "", ...choices } = parsed.value;
      if (again !== choices.password) return refuse([{ path: "again", word: "setup.notSame" }]);
      // Everything else is looked at first, so that a typing mistake costs no try of the code.
      const input = { ...choices, bridge: bridge === "" ? null : bridge };
      const refusal = await setup.refusalOf(input);
      if (refusal) return refuse(refusal.fields);
      if (!door.code.check(code)) return refuse([{ path: "code", word: "setup.wrongCode" }]);
      try {
        const { person } = await setup.finish(input, { kind: "user", name: input.name });
        return { redirect: "/", headers: await door.enter(call, person) };
      } catch (error) {
        if (error instanceof AppError && error.fields.length > 0) return refuse(error.fields);
        throw error;
      }
    },
  });

  context.web.page({
    method: "POST",
    path: "/set-up/space",
    role: "anyone",
    async handle({ viewer, form }) {
      if ((await setup.look()) || host.localNode === null) throw new AppError("conflict", "setup.done");
      const path = typeof form.storagePath === "string" ? form.storagePath : "";
      return { fragment: <Space viewer={viewer} space={await freeSpace(path)} /> };
    },
  });

  context.web.form({
    name: "set-up",
    schema: SetupForm,
    role: "anyone",
    async check(value, field) {
      if (field === "again" && value.again !== undefined && value.again !== value.password)
        return fieldError("again", "setup.notSame");
      const { storagePath, vncPortFirst, vncPortLast } = value;
      if (storagePath === undefined || vncPortFirst === undefined || vncPortLast === undefined) return null;
      const choices = { storagePath, vncPortFirst, vncPortLast, bridge: value.bridge ? value.bridge : null };
      return setup.refusalOf({ ...choices, name: "", password: "", language: "en" });
    },
  });
}

async function whole(viewer: Viewer, host: SetupHost, state: State, status: number): Promise<PageAnswer> {
  const { say, language } = viewer;
  const page = (
    <PlainFrame
      lang={language}
      theme={viewer.theme}
      title={say("setup.title")}
      csrf={viewer.csrf}
      stream="/set-up/stream"
      version={host.version}
    >
      <h1>{say("setup.ready")}</h1>
      <p class="lead">{say("setup.lead")}</p>
      <div class="wizard">
        <WizardSteps
          lang={language}
          steps={[say("setup.step.ready"), say("setup.step.who"), say("setup.step.where")]}
          current={1}
          hint={say("setup.hint")}
        />
        <Stack>
          <Summary viewer={viewer} checks={state.checks} />
          <CheckPanels viewer={viewer} checks={state.checks} />
          <SetupFormView viewer={viewer} state={state} host={host} />
        </Stack>
      </div>
    </PlainFrame>
  );
  return { page: await html(page), title: say("setup.title"), frame: "bare", status };
}

/** What is free where the folder would be; asked anew whenever another one was typed. */
function Space({ viewer: { say }, space }: { viewer: Viewer; space: State["space"] }) {
  const gib = space === null ? 0 : Math.floor((space.availableBytes / 1024 ** 3) * 10) / 10;
  return (
    <p
      class="hint"
      id="folder-space"
      role="status"
      hx-post="/set-up/space"
      hx-trigger="change from:#f-storagePath"
      hx-include="#f-storagePath"
      hx-swap="outerHTML"
    >
      {space === null ? "" : say("setup.found.space", { path: space.path, gib })}
    </p>
  );
}

function SetupFormView({ viewer, state, host }: { viewer: Viewer; state: State; host: SetupHost }) {
  const { say, language } = viewer;
  const { values, node } = state;
  const error = (name: string): string | undefined => {
    const found = state.errors.find((one) => one.path === name);
    return found ? fieldText(found, say) : undefined;
  };
  const field = (name: keyof typeof SetupForm.properties) => {
    const { step: _, ...constraints } = constraintsOf(SetupForm, name);
    // A password goes one way only: after a refusal it is typed again.
    const isSecret = name === "password" || name === "again" || name === "code";
    return { name, value: isSecret ? undefined : values[name], error: error(name), ...constraints };
  };
  return (
    <Form id="set-up" action="/set-up" check="/check/set-up">
      <Panel flush>
        <FormSection title={say("setup.who")} hint={say("setup.whoHint")}>
          <TextInput {...field("code")} label={say("setup.code")} hint={say("setup.codeHint")} mono />
          <FieldRow>
            <TextInput {...field("name")} label={say("setup.name")} autocomplete="username" />
            <Select
              {...field("language")}
              label={say("setup.language")}
              options={languages.map((one) => ({ value: one, label: languageNames[one] }))}
            />
          </FieldRow>
          <FieldRow>
            <Password
              {...field("password")}
              lang={language}
              label={say("setup.password")}
              hint={say("setup.passwordHint")}
              generate={generatedLength}
            />
            <Password {...field("again")} lang={language} label={say("setup.again")} />
          </FieldRow>
        </FormSection>
        <FormSection
          title={say("setup.where")}
          hint={say(host.localNode ? "setup.whereHint" : "setup.noNode")}
        >
          <TextInput
            {...field("storagePath")}
            label={say("nodes.config.folder")}
            hint={say("nodes.config.folderHint")}
            mono
          />
          {host.localNode === null ? null : <Space viewer={viewer} space={state.space} />}
          <Select
            {...field("bridge")}
            label={say("nodes.config.bridge")}
            hint={say("nodes.config.bridgeHint")}
            options={[
              { value: "", label: say("nodes.config.nat") },
              ...(node?.bridges ?? []).map((bridge) => ({
                value: bridge,
                label: say("nodes.config.bridgeOption", { bridge }),
              })),
            ]}
          />
          <FieldRow>
            <NumberInput {...field("vncPortFirst")} lang={language} label={say("nodes.config.portFirst")} />
            <NumberInput
              {...field("vncPortLast")}
              lang={language}
              label={say("nodes.config.portLast")}
              hint={say("nodes.config.portHint")}
            />
          </FieldRow>
        </FormSection>
      </Panel>
      <SubmitRow lang={language} label={say("setup.submit")} />
    </Form>
  );
}
