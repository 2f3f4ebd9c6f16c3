/** The gallery's create form and its set-up page. */
import type { Language } from "../../core/words.ts";
import {
  Button,
  Checkbox,
  Chips,
  Command,
  DefinitionList,
  FieldRow,
  Form,
  FormSection,
  Notice,
  NumberInput,
  PageHead,
  Panel,
  Password,
  RadioCards,
  Readiness,
  type ReadinessItem,
  Row,
  Select,
  Stack,
  SubmitRow,
  say,
  Textarea,
  TextInput,
  Tile,
  WithRail,
  WizardSteps,
} from "../index.ts";

const sizes = [
  "1·1",
  "1·2",
  "2·2",
  "2·4",
  "4·4",
  "4·8",
  "8·8",
  "8·16",
  "1·16",
  "4·32",
  "4·64",
  "8·64",
  "16·16",
  "24·24",
  "32·32",
  "64·64",
];

export function CreatePage({ lang }: { lang: Language }) {
  const zh = lang === "zh-CN";
  const t = (en: string, cn: string): string => (zh ? cn : en);
  return (
    <>
      <PageHead
        title={t("Create guest", "创建虚拟机")}
        sub={t("Nothing happens until you press Create.", "点击创建前不会有任何变更。")}
      />
      <Form id="create" action="/guests" check="/check/guest-create">
        <WithRail
          rail={
            <>
              <SubmitRow
                lang={lang}
                label={t("Create 3 guests", "创建 3 台虚拟机")}
                keys
                problems={t("1 field needs you: First address", "还有 1 项需要修正：起始地址")}
              />
              <Panel title={t("3 guests will be created", "将创建 3 台虚拟机")}>
                <DefinitionList
                  lang={lang}
                  items={[
                    { label: say(lang, "label.template"), value: "Debian 12" },
                    { label: t("Each", "每台"), value: "4 vCPU · 8 GiB · 40 GiB" },
                    { label: t("Together", "合计"), value: "12 vCPU · 24 GiB · 120 GiB" },
                    { label: t("Ready in", "预计"), value: t("about 35 s", "约 35 秒") },
                  ]}
                />
              </Panel>
              <Notice tone="warn">
                {t("After this, “local” is 79% given.", "创建后 local 分配率为 79%。")}
              </Notice>
            </>
          }
        >
          <Panel flush>
            <FormSection
              title={say(lang, "label.template")}
              hint={t("What it starts from.", "虚拟机的起点。")}
            >
              <RadioCards
                name="template"
                label={say(lang, "label.template")}
                hideLabel
                value="debian"
                cards={[
                  { value: "debian", title: "Debian 12", text: "2.1 GiB", tile: <Tile text="Debian" /> },
                  { value: "ubuntu", title: "Ubuntu 24.04", text: "2.6 GiB", tile: <Tile text="Ubuntu" /> },
                  {
                    value: "win",
                    title: "Windows 2022",
                    text: t("11.4 GiB · disk ≥ 40", "11.4 GiB · 磁盘 ≥ 40"),
                    tile: <Tile text="W" />,
                  },
                  {
                    value: "bsd",
                    title: "FreeBSD 14",
                    disabledBecause: t("disabled by wang.lei", "已被王磊停用"),
                    tile: <Tile text="Fe" />,
                  },
                ]}
              />
            </FormSection>
            <FormSection
              title={say(lang, "label.size")}
              hint={t("vCPU · GiB. Can be changed later.", "vCPU · GiB 内存，以后可变更。")}
            >
              <Chips
                name="size"
                label={say(lang, "label.size")}
                hideLabel
                value="4·8"
                chips={sizes.map((size) => {
                  const [vcpus = "1", gib = "1"] = size.split("·");
                  return {
                    value: size,
                    label: `${vcpus}C · ${gib}G`,
                    fills: { vcpus: Number(vcpus), memoryGib: Number(gib) },
                  };
                })}
              />
              <FieldRow>
                <NumberInput
                  lang={lang}
                  narrow
                  name="vcpus"
                  label="vCPU"
                  value={4}
                  min={1}
                  max={64}
                  required
                />
                <NumberInput
                  lang={lang}
                  narrow
                  name="memoryGib"
                  label={say(lang, "label.memory")}
                  value={8}
                  min={1}
                  max={512}
                  unit="GiB"
                  required
                />
                <NumberInput
                  lang={lang}
                  narrow
                  name="diskGib"
                  label={t("System disk", "系统盘")}
                  value={40}
                  min={1}
                  max={4096}
                  unit="GiB"
                  required
                />
              </FieldRow>
            </FormSection>
            <FormSection
              title={t("Name and number", "名称与数量")}
              hint={t("The name is its hostname too.", "名称同时作为主机名。")}
            >
              <FieldRow>
                <TextInput
                  name="name"
                  label={say(lang, "label.name")}
                  value="web"
                  required
                  maxlength={63}
                  pattern="[a-z0-9-]+"
                  hint={t("Becomes web-001, web-002, web-003.", "将生成 web-001、web-002、web-003。")}
                />
                <NumberInput
                  lang={lang}
                  narrow
                  stepper
                  name="quantity"
                  label={t("How many", "数量")}
                  value={3}
                  min={1}
                  max={100}
                  hint={t("1 to 100", "1 至 100")}
                />
              </FieldRow>
            </FormSection>
            <FormSection
              title={t("Network", "网络")}
              hint={t("Leave empty to take the next free.", "留空则自动取下一个空闲地址。")}
            >
              <FieldRow>
                <Select
                  name="network"
                  label={t("Network", "网络")}
                  value="nat"
                  options={[
                    { value: "nat", label: "jimv-nat  10.77.0.0/24" },
                    { value: "br0", label: "br0" },
                  ]}
                  hint={t("243 free", "空闲 243")}
                />
                <TextInput
                  name="address"
                  label={t("First address", "起始地址")}
                  value="10.10.3.19"
                  error={t(
                    "web-09 has 10.10.3.19. Three free in a row start at 10.10.3.123.",
                    "10.10.3.19 已被 web-09 使用。连续 3 个空闲地址从 10.10.3.123 开始。",
                  )}
                />
              </FieldRow>
            </FormSection>
            <FormSection title={t("Sign-in", "登录")} hint="root">
              <FieldRow>
                <Password
                  lang={lang}
                  name="password"
                  label={say(lang, "label.password")}
                  optional={say(lang, "label.optional")}
                  generate={16}
                  minlength={8}
                  hint={t("Empty: one is made up.", "留空则自动生成。")}
                />
                <Textarea
                  name="keys"
                  label={t("SSH keys", "SSH 密钥")}
                  rows={2}
                  mono
                  placeholder="ssh-ed25519 …"
                />
              </FieldRow>
              <Checkbox
                name="linked"
                label={t("Linked copy", "链接克隆")}
                hint={t(
                  "Ready at once, but it needs the template’s file for ever.",
                  "即时完成，但始终依赖模板文件。",
                )}
              />
            </FormSection>
            <FormSection title={t("Placement", "放置")} hint={t("Which node runs it.", "由哪个节点运行。")}>
              <RadioCards
                list
                name="node"
                label={say(lang, "label.node")}
                hideLabel
                value=""
                cards={[
                  {
                    value: "",
                    title: t("Automatic: spread by load", "自动：按负载分散"),
                    text: t(
                      "Now that means kvm-bj-06, kvm-bj-04 and kvm-bj-07.",
                      "按当前负载将落在 kvm-bj-06、kvm-bj-04、kvm-bj-07。",
                    ),
                  },
                  {
                    value: "kvm-bj-06",
                    title: "kvm-bj-06",
                    text: t("CPU 21%, memory 38%", "CPU 21%，内存 38%"),
                  },
                ]}
              />
            </FormSection>
          </Panel>
        </WithRail>
      </Form>
    </>
  );
}

export function SetupPage({ lang }: { lang: Language }) {
  const zh = lang === "zh-CN";
  const t = (en: string, cn: string): string => (zh ? cn : en);
  const machine: ReadinessItem[] = [
    { id: "kvm", state: "ok", title: t("KVM is on", "KVM 已启用"), found: "/dev/kvm · Intel VT-x" },
    {
      id: "libvirt",
      state: "ok",
      title: "libvirt",
      found: t("4.5.0, all 61 calls found", "4.5.0，61 个调用齐全"),
    },
    {
      id: "bridge",
      state: "bad",
      title: t("Bridge net-br0 does not exist", "网桥 net-br0 不存在"),
      found: say(lang, "state.check.bad"),
      fix: (
        <>
          <p>
            {t(
              "Guests reach the network through it. JimV’s own network works without it.",
              "虚拟机通过它接入网络。JimV 自带的网络不需要它。",
            )}
          </p>
          <Command lang={lang} text="nmcli connection add type bridge ifname net-br0" />
          <Row>
            <Button kind="primary" size="small">
              {t("Use JimV’s network", "使用 JimV 网络")}
            </Button>
            <Button size="small">{t("Use another bridge", "使用其他网桥")}</Button>
          </Row>
        </>
      ),
    },
    {
      id: "vnc",
      state: "ok",
      title: t("VNC ports fenced off", "VNC 端口已保留"),
      detail: "net.ipv4.ip_local_reserved_ports",
      found: "15900–19899",
    },
    {
      id: "disk",
      state: "running",
      title: t("Disk speed of /opt/Images", "/opt/Images 磁盘速度"),
      found: t("measuring, 6 s left", "测试中，剩 6 秒"),
    },
  ];
  const data: ReadinessItem[] = [
    {
      id: "mysql",
      state: "ok",
      title: t("MySQL answers", "MySQL 可以连接"),
      detail: "jimv@10.1.8.10:3306",
      found: "MariaDB 10.11 · 0.8 ms",
    },
    {
      id: "redis",
      state: "warn",
      title: t("Redis keeps nothing when it restarts", "Redis 重启后不保留数据"),
      detail: t(
        "JimV recovers by itself: open tasks are sent again.",
        "JimV 会自行恢复：未完成的任务会重新下发。",
      ),
      found: "appendonly no",
    },
    { id: "clock", state: "unknown", title: t("Clock", "时钟") },
  ];
  const steps = [
    t("Readiness", "环境检查"),
    t("Storage", "存储"),
    t("Network", "网络"),
    t("Administrator", "管理员"),
    t("First template", "首个模板"),
  ];
  return (
    <>
      <h1>{t("Is everything ready?", "一切就绪了吗？")}</h1>
      <p class="lead">
        {t(
          "JimV looks at what it needs. The page updates by itself: fix something, and its lamp changes.",
          "JimV 正在检查所需的环境。页面会自动更新：修好一项，对应的状态立刻变化。",
        )}
      </p>
      <div class="wizard">
        <WizardSteps
          lang={lang}
          steps={steps}
          current={1}
          hint={t("About 2 minutes. Every choice can be changed later.", "约 2 分钟。所有选项以后都可修改。")}
        />
        <Stack>
          <Notice tone="bad" title={t("1 thing stops you:", "有 1 项必须解决：")}>
            {t(
              "the bridge. 1 warning can wait. 4 of 8 checks passed, 1 is running.",
              "网桥。1 项警告可稍后处理。8 项检查中 4 项通过，1 项进行中。",
            )}
          </Notice>
          <Readiness
            lang={lang}
            title={t("This machine", "本机")}
            summary={t("3 of 5 passed", "5 项中 3 项通过")}
            items={machine}
          />
          <Readiness
            lang={lang}
            title={t("Data services", "数据服务")}
            summary={t("1 of 3 passed", "3 项中 1 项通过")}
            items={data}
          />
          <Row end>
            <Button kind="primary">{say(lang, "action.continue")}</Button>
          </Row>
        </Stack>
      </div>
    </>
  );
}

export function SignInPage({ lang }: { lang: Language }) {
  return (
    <Panel>
      <Form id="sign-in" action="/sign-in">
        <h1>{say(lang, "action.signIn")}</h1>
        <TextInput name="name" label={say(lang, "label.user")} required autocomplete="username" autofocus />
        <Password
          lang={lang}
          name="password"
          label={say(lang, "label.password")}
          required
          autocomplete="current-password"
        />
        <SubmitRow lang={lang} label={say(lang, "action.signIn")} />
      </Form>
    </Panel>
  );
}
