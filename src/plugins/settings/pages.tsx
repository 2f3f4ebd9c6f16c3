/** The settings page: one form for each plugin, made from its schema. */
import {
  AppError,
  type ControllerContext,
  constraintsOf,
  type FieldError,
  fieldText,
  type PageAnswer,
  parseForm,
  type Viewer,
} from "jimv";
import {
  Button,
  Checkbox,
  EmptyState,
  Form,
  FormSection,
  NumberInput,
  PageHead,
  Panel,
  Row,
  Select,
  Stack,
  TextInput,
  toasted,
} from "jimv/ui";
import { choicesOf, controlOf, type Section, type SettingsService } from "./service.ts";

export function startPages({ web }: ControllerContext, service: SettingsService): void {
  web.nav({
    group: "system",
    order: 90,
    href: "/settings",
    icon: "settings",
    word: "nav.settings",
    role: "administrator",
  });

  web.page({
    method: "GET",
    path: "/settings",
    role: "administrator",
    async handle({ viewer }) {
      const sections = await service.list();
      return whole(
        viewer,
        sections.map((section) => ({ section, errors: [] })),
        200,
      );
    },
  });

  web.page({
    method: "POST",
    path: "/settings/{plugin}",
    role: "administrator",
    async handle({ params, form, viewer, partial }): Promise<PageAnswer> {
      const section = await service.need(params.plugin ?? "");
      const refuse = async (errors: readonly FieldError[]): Promise<PageAnswer> => {
        const typed = { ...section, values: { ...section.values, ...form } };
        if (partial)
          return { fragment: <SectionForm viewer={viewer} section={typed} errors={errors} />, status: 422 };
        const others = await service.list();
        const all = others.map((one) =>
          one.name === section.name ? { section: typed, errors } : { section: one, errors: [] },
        );
        return whole(viewer, all, 422);
      };
      const parsed = parseForm(section.schema, form);
      if (!parsed.ok) return refuse(parsed.errors);
      try {
        const shown = Object.entries(parsed.value).filter(([name]) => {
          const schema = section.schema.properties[name];
          return schema !== undefined && controlOf(schema) !== null;
        });
        await service.change(
          section.name,
          Object.fromEntries(shown),
          `${viewer.actor.kind}:${viewer.actor.name}`,
        );
      } catch (error) {
        if (error instanceof AppError && error.fields.length > 0) return refuse(error.fields);
        throw error;
      }
      if (!partial) return { redirect: "/settings" };
      const children = viewer.say("settings.saved");
      return { fragment: await toasted({ lang: viewer.language, tone: "ok", children }) };
    },
  });
}

type Shown = { section: Section; errors: readonly FieldError[] };

function whole(viewer: Viewer, shown: readonly Shown[], status: number): PageAnswer {
  const { say } = viewer;
  return {
    title: say("settings.title"),
    status,
    page: (
      <>
        <PageHead title={say("settings.title")} sub={say("settings.sub")} />
        <Stack>
          {shown.length === 0 ? (
            <EmptyState icon="settings" title={say("settings.empty")} text={say("settings.emptyHint")} />
          ) : null}
          {shown.map((one) => (
            <SectionForm viewer={viewer} {...one} />
          ))}
        </Stack>
      </>
    ),
  };
}

/** A text of the plugin's own, or what the schema says where it has none. */
function textOf(viewer: Viewer, word: string, otherwise: string): string {
  const text = viewer.say(word);
  return text === word ? otherwise : text;
}

function SectionForm({ viewer, section, errors }: { viewer: Viewer } & Shown) {
  const { name, schema } = section;
  return (
    <Form id={`settings-${name}`} action={`/settings/${name}`} csrf={viewer.csrf}>
      <Panel flush>
        <FormSection title={textOf(viewer, `nav.${name}`, textOf(viewer, `${name}.settings.title`, name))}>
          {Object.keys(schema.properties).map((field) => (
            <Setting viewer={viewer} section={section} field={field} errors={errors} />
          ))}
          <Row>
            <Button kind="primary" type="submit">
              {viewer.say("action.save")}
            </Button>
          </Row>
        </FormSection>
      </Panel>
    </Form>
  );
}

function Setting({ viewer, section, field, errors }: { viewer: Viewer; field: string } & Shown) {
  const { name: plugin, schema, values } = section;
  const described = schema.properties[field];
  const control = described ? controlOf(described) : null;
  if (!described || control === null) return null;
  const wrong = errors.find((error) => error.path === field);
  const fallback = [
    described.description ?? "",
    described.default === undefined
      ? ""
      : viewer.say("settings.default", { value: String(described.default) }),
  ];
  const hint = textOf(
    viewer,
    `${plugin}.settings.${field}Hint`,
    fallback.filter((text) => text !== "").join(". "),
  );
  const { step, ...constraints } = constraintsOf(schema, field);
  const common = {
    id: `f-${plugin}-${field}`,
    name: field,
    label: textOf(viewer, `${plugin}.settings.${field}`, field),
    hint,
    error: wrong ? fieldText(wrong, viewer.say) : undefined,
    ...constraints,
    // Filled in by its default when it is left empty.
    required: true,
  };
  const value = values[field];
  switch (control) {
    case "boolean":
      return (
        <Checkbox id={common.id} name={field} label={common.label} hint={hint} checked={value === true} />
      );
    case "number":
      return (
        <NumberInput
          {...common}
          lang={viewer.language}
          value={String(value ?? "")}
          step={step === "any" ? 0.1 : step}
        />
      );
    case "choice":
      return (
        <Select
          {...common}
          value={String(value ?? "")}
          options={choicesOf(described).map((choice) => ({
            value: choice,
            label: textOf(viewer, `${plugin}.settings.${field}.${choice}`, choice),
          }))}
        />
      );
    case "text":
      return <TextInput {...common} value={String(value ?? "")} />;
  }
}
