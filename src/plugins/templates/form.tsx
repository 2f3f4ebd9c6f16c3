/** The forms that register and change a template. */
import { constraintsOf, type FieldError, fieldText, Type, type Viewer } from "jimv";
import {
  Checkbox,
  FieldRow,
  Form,
  FormSection,
  NumberInput,
  Panel,
  RadioCards,
  Select,
  SubmitRow,
  TextInput,
} from "jimv/ui";
import { RegisterTemplate } from "./requests.ts";
import { initModes, osFamilies, templateIcons } from "./schema.ts";
import { TemplateTile } from "./table.tsx";

/** As the API's body; the form always says whether it is Windows. Changing leaves path and node out. */
export const RegisterForm = Type.Object({
  ...RegisterTemplate.properties,
  isWindows: Type.Boolean(),
});
export const ChangeForm = Type.Object({
  /** Which template, for the check of a taken name. */
  id: Type.String({ maxLength: 36 }),
  ...Type.Omit(RegisterForm, ["path", "nodeName"]).properties,
});

interface Props {
  viewer: Viewer;
  values: Readonly<Record<string, string | number | boolean | undefined>>;
  errors: readonly FieldError[];
  nodeNames: readonly string[];
  /** The template that is changed; null to register one. */
  id: string | null;
}

export function TemplateForm({ viewer, values, errors, nodeNames, id }: Props) {
  const { say, language } = viewer;
  const error = (name: string): string | undefined => {
    const wrong = errors.find((one) => one.path === name);
    return wrong ? fieldText(wrong, say) : undefined;
  };
  const text = (name: string): string | undefined => {
    const value = values[name];
    return value === undefined ? undefined : String(value);
  };
  const field = (name: keyof typeof RegisterForm.properties) => {
    const { step: _, ...constraints } = constraintsOf(RegisterForm, name);
    return { name, value: text(name), error: error(name), ...constraints };
  };
  const isNew = id === null;
  return (
    <Form
      id="template-form"
      action={isNew ? "/templates/new" : `/templates/${id}/edit`}
      check={isNew ? "/check/templates-register" : "/check/templates-change"}
      csrf={viewer.csrf}
    >
      {isNew ? null : <input type="hidden" name="id" value={id} />}
      <Panel flush>
        {isNew ? (
          <FormSection title={say("templates.form.image")} hint={say("templates.form.imageHint")}>
            <TextInput
              {...field("path")}
              label={say("templates.form.path")}
              hint={say("templates.form.pathHint")}
              placeholder="/var/lib/jimv/templates/debian-12.qcow2"
              mono
              autofocus
            />
            {nodeNames.length > 1 ? (
              <Select
                {...field("nodeName")}
                label={say("templates.form.node")}
                options={nodeNames.map((name) => ({ value: name, label: name }))}
              />
            ) : null}
          </FormSection>
        ) : null}
        <FormSection title={say("templates.form.what")} hint={say("templates.form.whatHint")}>
          <FieldRow>
            <TextInput
              {...field("name")}
              label={say("templates.form.name")}
              hint={say("templates.form.nameHint")}
            />
            <NumberInput
              {...field("defaultSizeGiB")}
              lang={language}
              label={say("templates.form.size")}
              hint={say("templates.form.sizeHint")}
              unit="GiB"
            />
          </FieldRow>
          <RadioCards
            name="icon"
            label={say("templates.form.icon")}
            value={text("icon") ?? "generic"}
            error={error("icon")}
            cards={templateIcons.map((icon) => ({
              value: icon,
              title: say(`templates.icon.${icon}`),
              tile: <TemplateTile icon={icon} />,
            }))}
          />
          <Select
            {...field("osFamily")}
            value={text("osFamily") ?? "linux"}
            label={say("templates.form.os")}
            options={osFamilies.map((family) => ({ value: family, label: say(`templates.os.${family}`) }))}
          />
          <Checkbox
            name="isWindows"
            label={say("templates.form.isWindows")}
            checked={values.isWindows === true || values.isWindows === "true"}
          />
        </FormSection>
        <FormSection title={say("templates.form.boot")} hint={say("templates.form.bootHint")}>
          <RadioCards
            name="init"
            label={say("templates.form.init")}
            value={text("init") ?? "cloud-init"}
            error={error("init")}
            list
            cards={initModes.map((mode) => ({
              value: mode,
              title: say(`templates.init.${mode}`),
              text: say(`templates.init.${mode}Hint`),
            }))}
          />
          <TextInput
            {...field("userName")}
            label={say("templates.form.user")}
            hint={say("templates.form.userHint")}
          />
        </FormSection>
      </Panel>
      <SubmitRow
        lang={language}
        label={isNew ? say("templates.form.submit") : say("action.save")}
        cancelHref={isNew ? "/templates" : `/templates/${id}`}
      />
    </Form>
  );
}
