/** Every component in every state, on one page. */
import { AppError } from "../../core/errors.ts";
import type { Language } from "../../core/words.ts";
import {
  Button,
  Checkbox,
  Code,
  Columns,
  Command,
  CopyButton,
  DangerDialog,
  Dialog,
  EmptyState,
  Figure,
  Figures,
  Icon,
  IconButton,
  IconList,
  type IconName,
  icons,
  type Kind,
  looks,
  Menu,
  Meter,
  MoreMenu,
  NewerRows,
  NothingMatches,
  Notice,
  PageHead,
  PaletteHits,
  Panel,
  Picture,
  Progress,
  Refusal,
  Row,
  Segments,
  Stack,
  StateMark,
  type StateOf,
  Switch,
  say,
  Tag,
  Toast,
} from "../index.ts";

const definition =
  '<domain type="kvm">\n  <name>web-07</name>\n  <memory unit="KiB">2097152</memory>\n</domain>';
/** 4:3, as a text console is, and drawn here: the gallery has no guest. */
const screen = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 480"><rect width="640" height="480" fill="#111"/><text x="16" y="36" font-family="monospace" font-size="20" fill="#ddd">web-07 login:</text></svg>',
)}`;

function States<K extends Kind>({ kind, lang }: { kind: K; lang: Language }) {
  return (
    <Panel title={kind}>
      <Row>
        {(Object.keys(looks[kind]) as StateOf<K>[]).map((state) => (
          <StateMark {...({ kind, state } as { kind: "guest"; state: StateOf<"guest"> })} lang={lang} />
        ))}
      </Row>
      <Row>
        {(Object.keys(looks[kind]) as StateOf<K>[]).map((state) => (
          <StateMark {...({ kind, state } as { kind: "guest"; state: StateOf<"guest"> })} lang={lang} pill />
        ))}
      </Row>
    </Panel>
  );
}

export function PartsPage({ lang }: { lang: Language }) {
  const guestName = "web-07";
  return (
    <>
      <PageHead
        title="Gallery"
        sub="Every part in every state"
        actions={<Button kind="primary">Primary</Button>}
      />
      {(Object.keys(looks) as Kind[]).map((kind) => (
        <States kind={kind} lang={lang} />
      ))}
      <Panel title="Buttons">
        <Stack>
          <Row>
            <Button>Default</Button>
            <Button kind="quiet">Quiet</Button>
            <Button kind="danger" icon="delete">
              Danger…
            </Button>
            <Button kind="link">Link</Button>
            <Button icon="start" size="small">
              Small
            </Button>
            <Button disabledBecause="web-07 is running; shut it down first">Disabled</Button>
            <IconButton
              icon="more"
              label={say(lang, "action.more")}
              menu="gallery-menu"
              id="gallery-menu-button"
            />
            <Button dialog="gallery-danger" id="open-danger">
              Dialog
            </Button>
            <Button dialog="gallery-typed" id="open-typed">
              Type the name
            </Button>
            <Button dialog="gallery-plain">Plain dialog</Button>
            <MoreMenu
              id="gallery-more"
              label={say(lang, "action.more")}
              items={[{ label: say(lang, "action.reboot"), icon: "reboot" }]}
            />
          </Row>
          <Segments
            label="Range"
            current="6h"
            items={["1h", "6h", "1d", "7d"].map((key) => ({
              key,
              href: `/gallery?range=${key}`,
              label: key,
            }))}
          />
        </Stack>
        <Menu
          id="gallery-menu"
          label={say(lang, "action.more")}
          items={[
            { label: say(lang, "action.start"), icon: "start" },
            { label: say(lang, "action.edit"), icon: "edit" },
            { label: say(lang, "action.delete"), icon: "delete", danger: true, divided: true },
          ]}
        />
      </Panel>
      <Columns>
        <Panel title="Progress">
          <Stack>
            <Progress lang={lang} percent={62} step="Copying image" etaSeconds={14} />
            <Progress
              lang={lang}
              percent={58}
              step="Memory, pass 2"
              etaSeconds={53}
              spreadSeconds={6}
              tone="move"
            />
            <Progress lang={lang} percent={null} step="Waiting for the agent" />
            <Progress lang={lang} percent={34} etaSeconds={100} small />
            <Meter percent={40} label="CPU" figure />
            <Meter percent={84} label="Memory" figure tone="warn" />
            <Meter percent={96} label="Disk" figure tone="bad" />
          </Stack>
        </Panel>
        <Panel title="Choices">
          <Stack>
            <Checkbox name="a" label="Take the data disks along" hint="3 disks, 640 GiB" checked />
            <Checkbox name="b" label="Not chosen" />
            <Checkbox name="c" label="Can't be chosen" disabled />
            <Switch name="d" label="Starts with its node" checked />
            <Switch name="e" label="Off" />
            <Row>
              <Tag>prod</Tag>
              <Tag tone="accent">1 boot job</Tag>
              <Tag tone="warn">old</Tag>
              <Tag tone="bad">broken</Tag>
              <Tag tone="ok">fine</Tag>
            </Row>
          </Stack>
        </Panel>
      </Columns>
      <Figures>
        <Figure label="Guests" value="128" of="· 121 running" percent={94} hint="5 off · 2 being created" />
        <Figure label="CPU" value="37%" of="of 336 threads" percent={37} hint="vCPU given 498" />
        <Figure label="Memory" value="61%" of="of 2.63 TiB" percent={61} tone="warn" />
        <Figure label="Storage" value="91%" of="of 84.0 TiB" percent={91} tone="bad" />
      </Figures>
      {(["info", "ok", "warn", "bad"] as const).map((tone) => (
        <Notice tone={tone} title={`${tone}:`} actions={<Button size="small">Way out</Button>}>
          what happened, and what to do about it.
        </Notice>
      ))}
      <Refusal
        tried={{ posted: {}, errors: [], problem: new AppError("conflict", "task.cancelled", {}) }}
        viewer={{ say: () => "why a form was refused, where that belongs to none of its fields." }}
      />
      <NewerRows lang={lang} n={2} href="/gallery" text="2 newer rows ·" />
      <Command lang={lang} text="virsh --connect qemu:///system list --all" />
      <Columns>
        <Panel title="A definition" aside={<CopyButton lang={lang} text={definition} label="A definition" />}>
          <Code text={definition} label="A definition" />
        </Panel>
        <Panel title="A guest's screen">
          <Picture src={screen} alt="The screen of web-07: it asks for a name." />
        </Panel>
      </Columns>
      <Columns>
        <Panel>
          <EmptyState
            icon="template"
            title="No templates yet"
            text="A template is a golden image plus what it takes to start a guest from it."
            action={<Button>Register a template</Button>}
          />
        </Panel>
        <Panel>
          <NothingMatches lang={lang} clearHref="/gallery" />
        </Panel>
      </Columns>
      <Panel title="Icons">
        <Row>
          {(Object.keys(icons) as IconName[]).map((name) => (
            <Icon name={name} label={name} />
          ))}
        </Row>
        <IconList items={[{ icon: "undo", text: "Cancel keeps the guest where it is." }]} />
      </Panel>
      <Panel title="What the palette finds">
        <div class="palette-hits" role="listbox" aria-label="What the palette finds">
          <PaletteHits
            hits={[
              { href: "/guests/1", icon: "guest", label: "web-07", hint: "jimv-n1" },
              { href: "/nodes/jimv-n1", icon: "node", label: "jimv-n1", hint: "node" },
            ]}
          />
        </div>
      </Panel>
      <Panel title="Toasts">
        <Stack>
          <Toast lang={lang} tone="ok" undo="/undo">
            Moved 2 guests to “Web”.
          </Toast>
          <Toast lang={lang} tone="bad" link={{ href: "/tasks/1", label: "Task" }}>
            Could not start web-07: port 5901 is in use.
          </Toast>
        </Stack>
      </Panel>
      <DangerDialog
        lang={lang}
        id="gallery-danger"
        title={`Delete ${guestName}?`}
        post="/guests/batch/delete"
        fields={{ id: ["1", "2"] }}
        victims={[<b>web-07</b>, "its system disk, 40 GiB", "its address 10.10.3.17"]}
        survivors={["2 data disks, 600 GiB"]}
        confirm="Delete 1 guest"
      >
        <Checkbox name="withDisks" label="Take the data disks along" />
      </DangerDialog>
      <DangerDialog
        lang={lang}
        id="gallery-typed"
        title={`Delete ${guestName} for ever?`}
        post="/x"
        victims={["web-07 and 3 disks, 640 GiB"]}
        confirm="Delete for ever"
        typeName={guestName}
      />
      <Dialog
        lang={lang}
        id="gallery-plain"
        title="A plain dialog"
        actions={<Button kind="primary">{say(lang, "action.save")}</Button>}
      >
        <p>What it asks.</p>
      </Dialog>
    </>
  );
}
