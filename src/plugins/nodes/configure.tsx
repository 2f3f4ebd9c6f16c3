/** The form that sets a node up. */
import { constraintsOf, type FieldError, fieldText, Type, type Viewer } from "jimv";
import {
  FieldRow,
  Form,
  FormSection,
  Notice,
  NumberInput,
  PageHead,
  Panel,
  Select,
  SubmitRow,
  TextInput,
} from "jimv/ui";
import { ConfigBody } from "./routes.ts";
import { nodeHref } from "./table.tsx";
import type { NodeView } from "./view.ts";

/** As the API's body, but an empty bridge is JimV's own network, and the node comes along for the check. */
export const ConfigForm = Type.Object({
  node: Type.String({ maxLength: 64 }),
  storagePath: ConfigBody.properties.storagePath,
  bridge: Type.Optional(Type.String({ maxLength: 15 })),
  vncPortFirst: ConfigBody.properties.vncPortFirst,
  vncPortLast: ConfigBody.properties.vncPortLast,
});

interface Props {
  node: NodeView;
  values: Readonly<Record<string, string | number | undefined>>;
  errors: readonly FieldError[];
  viewer: Viewer;
}

export function ConfigurePage(p: Props) {
  const { say } = p.viewer;
  const { error } = p.node.config;
  return (
    <>
      <PageHead title={say("nodes.config.title", { node: p.node.name })} sub={say("nodes.config.sub")} />
      {error ? (
        <Notice tone="bad">{say("nodes.config.failed", { reason: say(error.word, error.args) })}</Notice>
      ) : null}
      <ConfigureForm {...p} />
    </>
  );
}

export function ConfigureForm({ node, values, errors, viewer }: Props) {
  const { say, language } = viewer;
  const field = (name: keyof typeof ConfigForm.properties) => {
    const { step: _, ...constraints } = constraintsOf(ConfigForm, name);
    const wrong = errors.find((error) => error.path === name);
    return { name, value: values[name], error: wrong ? fieldText(wrong, say) : undefined, ...constraints };
  };
  return (
    <Form
      id="configure"
      action={`${nodeHref(node.name)}/configure`}
      check="/check/nodes-configure"
      csrf={viewer.csrf}
    >
      <input type="hidden" name="node" value={node.name} />
      <Panel flush>
        <FormSection title={say("nodes.storage")}>
          <TextInput
            {...field("storagePath")}
            label={say("nodes.config.folder")}
            hint={say("nodes.config.folderHint")}
            mono
          />
        </FormSection>
        <FormSection title={say("nodes.network")}>
          <Select
            {...field("bridge")}
            label={say("nodes.config.bridge")}
            hint={say("nodes.config.bridgeHint")}
            options={[
              { value: "", label: say("nodes.config.nat") },
              ...node.bridges.map((bridge) => ({
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
      <SubmitRow lang={language} label={say("nodes.config.submit")} cancelHref={nodeHref(node.name)} />
    </Form>
  );
}
