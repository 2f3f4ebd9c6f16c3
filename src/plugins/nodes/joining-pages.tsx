/** The page on which a token is made, with which a machine joins. */
import type { ControllerContext, PageAnswer, Viewer } from "jimv";
import { Button, Command, html, Notice, PageHead, Panel, replace, Stack, Time } from "jimv/ui";
import type { ClusterDoor, Joining } from "./joining.ts";

/** `cluster` is null where one process is all there is. */
export function joiningPages(
  { web }: ControllerContext,
  cluster: { door: ClusterDoor; joining: Joining } | null,
): void {
  web.page({
    method: "GET",
    path: "/nodes/join",
    role: "administrator",
    handle: ({ viewer }) =>
      whole(viewer, cluster ? <JoinPanel viewer={viewer} door={cluster.door} /> : <Alone viewer={viewer} />),
  });
  if (!cluster) return;
  const { door, joining } = cluster;

  web.page({
    method: "POST",
    path: "/nodes/join",
    role: "administrator",
    async handle({ viewer, url, partial }): Promise<PageAnswer> {
      const made = await joining.makeToken(viewer.actor);
      const panel = <Made viewer={viewer} door={door} {...made} controller={controllerOf(url, door)} />;
      return partial ? { fragment: replace("join", await html(panel)) } : whole(viewer, panel);
    },
  });
}

/** The address under which this page was reached: machines reach the controller there, too. */
const controllerOf = (url: URL, door: ClusterDoor): string =>
  `${door.fingerprint === null ? url.protocol : "https:"}//${url.host}`;

function whole(viewer: Viewer, inside: ReturnType<typeof Alone>): PageAnswer {
  const { say } = viewer;
  return {
    title: say("nodes.join.title"),
    crumbs: [{ href: "/nodes", label: say("nodes.title") }],
    page: (
      <Stack>
        <PageHead title={say("nodes.join.title")} sub={say("nodes.join.sub")} />
        {inside}
      </Stack>
    ),
  };
}

/** One process has no road for others. */
function Alone({ viewer }: { viewer: Viewer }) {
  return <Notice tone="info">{viewer.say("nodes.join.alone")}</Notice>;
}

/** What an administrator should know of Redis; nothing when all is well. */
export function RoadNotices({ viewer, door }: { viewer: Viewer; door: ClusterDoor | null }) {
  if (!door || viewer.role !== "administrator") return null;
  return (
    <>
      {door.warnings().map((warning) => (
        <Notice tone={warning === "open" || warning === "evicts" ? "bad" : "warn"}>
          {viewer.say(`nodes.road.${warning}`)}
        </Notice>
      ))}
    </>
  );
}

function JoinPanel({ viewer, door }: { viewer: Viewer; door: ClusterDoor }) {
  const { say } = viewer;
  return (
    <div id="join">
      <Panel>
        <Stack>
          <p>{say("nodes.join.explain")}</p>
          <RoadNotices viewer={viewer} door={door} />
          <div class="row">
            <Button kind="primary" icon="key" post="/nodes/join">
              {say("nodes.join.make")}
            </Button>
          </div>
        </Stack>
      </Panel>
    </div>
  );
}

/** The only time that anybody sees the token. */
function Made(p: {
  viewer: Viewer;
  door: ClusterDoor;
  token: string;
  expiresAt: number;
  controller: string;
}) {
  const { say, language } = p.viewer;
  return (
    <div id="join">
      <Panel>
        <Stack>
          <Notice tone="ok" title={say("nodes.join.made")}>
            {say("nodes.join.once")} {say("nodes.join.until")} <Time lang={language} at={p.expiresAt} />
          </Notice>
          <RoadNotices viewer={p.viewer} door={p.door} />
          <p>{say("nodes.join.run")}</p>
          <Command lang={language} text={`jimv node --join ${p.controller} --token-file -`} />
          <p>{say("nodes.join.paste")}</p>
          <Command lang={language} text={p.token} />
          <div class="row">
            <Button href="/nodes">{say("nodes.join.back")}</Button>
          </div>
        </Stack>
      </Panel>
    </div>
  );
}
