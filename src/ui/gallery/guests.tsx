/** The gallery's guests page and guest page: the design language on the page that is open all day. */
import type { Language } from "../../core/words.ts";
import {
  BatchBar,
  Button,
  type Definition,
  DefinitionList,
  EmptyState,
  FilterBar,
  IconButton,
  type MenuItem,
  Meter,
  Notice,
  PageHead,
  Pager,
  Panel,
  Progress,
  Secret,
  StateCell,
  StateMark,
  say,
  Table,
  type TableSpec,
  Tabs,
  Tag,
  Tile,
  Time,
  TwoLines,
  WithRail,
} from "../index.ts";
import { guests, type MockGuest } from "./data.ts";

function menuOf(guest: MockGuest, lang: Language): MenuItem[] {
  const post = (action: string): string => `/guests/${guest.uuid}/${action}`;
  return [
    {
      label: say(lang, "action.start"),
      icon: "start",
      post: post("start"),
      ...(guest.state === "off" ? {} : { disabledBecause: say(lang, "state.guest.running") }),
    },
    { label: say(lang, "action.shutdown"), icon: "power", post: post("shutdown") },
    { label: say(lang, "action.reboot"), icon: "reboot", post: post("reboot") },
    { label: say(lang, "action.forceStop"), icon: "force", post: post("force-stop"), divided: true },
    {
      label: say(lang, "action.delete"),
      icon: "delete",
      dialogUrl: post("delete"),
      danger: true,
      divided: true,
    },
  ];
}

export const guestTable: TableSpec<MockGuest> = {
  id: "guests",
  rowId: (guest) => `guest-${guest.uuid}`,
  rowName: (guest) => guest.name,
  rowHref: (guest) => `/guests/${guest.uuid}`,
  select: {
    value: (guest) => guest.uuid,
    allows: ({ state }) =>
      state === "off" ? ["start", "delete"] : state === "running" ? ["shutdown", "reboot", "delete"] : [],
  },
  columns: [
    {
      key: "name",
      label: (lang) => say(lang, "label.name"),
      sort: true,
      card: "title",
      cell: (guest, lang) => (
        <TwoLines
          title={guest.name}
          href={`/guests/${guest.uuid}`}
          sub={guest.remark[lang]}
          tile={<Tile text={guest.os} />}
        />
      ),
    },
    {
      key: "state",
      label: (lang) => say(lang, "label.state"),
      width: "l",
      sort: true,
      card: "state",
      cell: (guest, lang) => (
        <StateCell
          kind="guest"
          state={guest.state}
          lang={lang}
          task={guest.task ? { ...guest.task, step: guest.task.stepIn[lang] } : null}
        />
      ),
    },
    {
      key: "node",
      label: (lang) => say(lang, "label.node"),
      width: "s",
      sort: true,
      cell: (guest) => guest.node,
    },
    {
      key: "size",
      label: (lang) => say(lang, "label.size"),
      width: "s",
      cell: (guest) => `${guest.vcpus} · ${guest.memoryMib / 1024} GiB`,
    },
    {
      key: "address",
      label: (lang) => say(lang, "label.address"),
      width: "s",
      cell: (guest) => guest.address,
    },
    {
      key: "memory",
      label: (lang) => say(lang, "label.memory"),
      width: "m",
      wideOnly: true,
      card: "hide",
      cell: (guest, lang) =>
        guest.memoryPercent === null ? (
          <span class="dim">–</span>
        ) : (
          <Meter percent={guest.memoryPercent} label={say(lang, "label.memory")} figure />
        ),
    },
  ],
  quick: (guest, lang) => (
    <>
      <IconButton
        icon="console"
        label={`${say(lang, "action.console")}: ${guest.name}`}
        href={`/guests/${guest.uuid}/console`}
      />
      <IconButton
        icon="reboot"
        label={`${say(lang, "action.reboot")}: ${guest.name}`}
        post={`/guests/${guest.uuid}/reboot`}
      />
    </>
  ),
  menu: menuOf,
};

export function GuestsPage({ lang, rows = guests }: { lang: Language; rows?: readonly MockGuest[] }) {
  const zh = lang === "zh-CN";
  return (
    <>
      <PageHead
        title={say(lang, "nav.guests")}
        sub={zh ? "128 台虚拟机，121 台运行中" : "128 guests, 121 running"}
        actions={
          <>
            <Button icon="upload">{zh ? "导出" : "Export"}</Button>
            <Button kind="primary" icon="plus" href="/guests/new" extra={{ "data-create": "" }}>
              {zh ? "创建虚拟机" : "Create guest"}
            </Button>
          </>
        }
      />
      <FilterBar
        lang={lang}
        action="/guests"
        q=""
        target="guests"
        placeholder={zh ? "按名称、地址、备注筛选…" : "Filter by name, address, remark…"}
        segment="all"
        segments={[
          { key: "all", href: "/guests", label: say(lang, "label.all"), count: 15 },
          {
            key: "running",
            href: "/guests?state=running",
            label: say(lang, "state.guest.running"),
            count: 3,
          },
          { key: "off", href: "/guests?state=off", label: say(lang, "state.guest.off"), count: 1 },
          { key: "trouble", href: "/guests?state=trouble", label: zh ? "异常" : "Trouble", count: 2 },
        ]}
      >
        <IconButton icon="columns" label={zh ? "列" : "Columns"} />
      </FilterBar>
      <Table
        lang={lang}
        spec={guestTable}
        rows={rows}
        label={say(lang, "nav.guests")}
        sorting={{
          key: "name",
          descending: false,
          href: (key, descending) => `/guests?sort=${descending ? "-" : ""}${key}`,
        }}
        empty={
          <EmptyState
            icon="guest"
            title={zh ? "还没有虚拟机" : "No guests yet"}
            text={
              zh
                ? "虚拟机由模板创建，几秒钟即可启动。"
                : "A guest is made from a template and boots within seconds."
            }
            action={
              <Button kind="primary" icon="plus" href="/guests/new">
                {zh ? "创建虚拟机" : "Create guest"}
              </Button>
            }
            doc={{ href: "/docs/guests", label: zh ? "了解虚拟机" : "About guests" }}
          />
        }
        view="guests:q=web"
        pager={
          <Pager
            lang={lang}
            page={1}
            pageSize={15}
            total={rows.length === 0 ? 0 : 128}
            href={(page) => `/guests?page=${page}`}
          >
            {zh
              ? "排序不会自行跳动：有 2 条新变化等待刷新。"
              : "Rows move only when you say so: 2 newer rows wait."}{" "}
            <a href="/guests">{say(lang, "table.show")}</a>
          </Pager>
        }
        batch={
          <BatchBar
            lang={lang}
            total={128}
            actions={[
              {
                action: "start",
                label: say(lang, "action.start"),
                icon: "start",
                post: "/guests/batch/start",
                whole: true,
              },
              {
                action: "shutdown",
                label: say(lang, "action.shutdown"),
                icon: "power",
                post: "/guests/batch/shutdown",
                whole: true,
              },
              {
                action: "reboot",
                label: say(lang, "action.reboot"),
                icon: "reboot",
                post: "/guests/batch/reboot",
                whole: true,
              },
              {
                action: "delete",
                label: say(lang, "action.delete"),
                icon: "delete",
                dialogUrl: "/guests/batch/delete",
                danger: true,
                divided: true,
              },
            ]}
          />
        }
      />
    </>
  );
}

export function GuestPage({ lang }: { lang: Language }) {
  const zh = lang === "zh-CN";
  const now = Date.now();
  const facts: Definition[] = [
    { label: say(lang, "label.size"), value: "8 vCPU · 32 GiB" },
    { label: zh ? "操作系统" : "System", value: "Debian 12" },
    { label: say(lang, "label.address"), value: "10.10.3.31", copy: "10.10.3.31" },
    { label: "MAC", value: "52:54:00:3a:91:c7", mono: true },
    {
      label: say(lang, "label.password"),
      value: <Secret lang={lang} url="/guests/x/password" label={say(lang, "label.password")} />,
    },
    { label: say(lang, "label.node"), value: <a href="/nodes/kvm-bj-03">kvm-bj-03</a> },
    {
      label: zh ? "代理" : "Agent",
      value: <StateMark kind="worker" state="ok" lang={lang} word={zh ? "响应正常" : "answers"} />,
    },
    { label: say(lang, "label.created"), value: <Time lang={lang} at={now - 41 * 86_400_000} now={now} /> },
    { label: "ID", value: "7f3a0c1e…b92d", mono: true, copy: "7f3a0c1e-0000-4000-8000-00000000b92d" },
  ];
  return (
    <>
      <PageHead
        title="mysql-prod-01"
        tile={<Tile text="Debian" large />}
        mark={<StateMark kind="guest" state="running" lang={lang} pill />}
        sub={
          <>
            <span>{zh ? "订单库，主库" : "Orders database, primary"}</span>
            <span>10.10.3.31</span>
            <span>kvm-bj-03</span>
            <Tag>prod</Tag>
          </>
        }
        actions={
          <>
            <Button kind="primary" icon="console">
              {say(lang, "action.console")}
            </Button>
            <Button icon="reboot">{say(lang, "action.reboot")}</Button>
            <Button icon="power">{say(lang, "action.shutdown")}</Button>
            <IconButton icon="more" kind="default" label={say(lang, "action.more")} />
          </>
        }
      />
      <Tabs
        label="mysql-prod-01"
        current="/guests/x"
        tabs={[
          { href: "/guests/x", label: zh ? "概况" : "Overview" },
          { href: "/guests/x/disks", label: say(lang, "label.disks"), count: 3 },
          { href: "/guests/x/network", label: zh ? "网络" : "Network", count: 1 },
          { href: "/guests/x/tasks", label: say(lang, "nav.tasks") },
          { href: "/guests/x/xml", label: "XML" },
        ]}
      />
      <WithRail
        rail={
          <Panel>
            <DefinitionList lang={lang} items={facts} />
          </Panel>
        }
      >
        <Notice
          tone="warn"
          title={zh ? "软件模拟" : "Software emulation."}
          actions={<Button size="small">{zh ? "查看原因" : "Why"}</Button>}
        >
          {zh
            ? "该节点没有 KVM，虚拟机由 QEMU 模拟运行，速度较慢。"
            : "This node has no KVM, so QEMU emulates the guest. It works, slowly."}
        </Notice>
        <Panel
          title={zh ? "正在创建" : "Being created"}
          aside={
            <Button size="small" icon="close">
              {say(lang, "action.cancel")}
            </Button>
          }
        >
          <Progress
            lang={lang}
            percent={62}
            step={zh ? "复制镜像 1.3 / 2.1 GiB" : "Copying image, 1.3 of 2.1 GiB"}
            etaSeconds={14}
            task="t1"
          />
        </Panel>
        <Panel title={zh ? "等待时长未知" : "When it can't tell"}>
          <Progress
            lang={lang}
            percent={null}
            step={zh ? "等待代理响应" : "Waiting for the agent; then: setting the password"}
            task="t9"
          />
        </Panel>
      </WithRail>
    </>
  );
}
