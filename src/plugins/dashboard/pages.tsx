/** The first page: what needs somebody, how full everything is, what runs and what ended. All of it is live. */
import type { ControllerContext, Viewer } from "jimv";
import { Button, Columns, html, Notice, replace, Stack } from "jimv/ui";
import type { TemplateService } from "../templates/index.ts";
import { Head, NeedsPanel, RecentTasks, RunningPanel, RunningTask, Tiles } from "./parts.tsx";
import type { DashboardService } from "./service.ts";

export function startPages(
  context: ControllerContext,
  service: DashboardService,
  templates: TemplateService,
): void {
  const { web, clock } = context;

  web.nav({ group: "top", order: 0, href: "/", icon: "dashboard", word: "nav.dashboard", role: "reader" });

  web.page({
    method: "GET",
    path: "/",
    role: "reader",
    async handle({ viewer }) {
      const [capacity, needs, running, recent, ready] = await Promise.all([
        service.capacity(),
        service.needs(viewer),
        service.running(),
        service.recent(),
        templates.counts(),
      ]);
      const guests = [...capacity.guests.values()].reduce((sum, n) => sum + n, 0);
      return {
        title: viewer.say("dashboard.title"),
        views: ["dashboard"],
        page: (
          <>
            <Head viewer={viewer} capacity={capacity} />
            <Stack>
              {guests === 0 ? (
                <Beginning viewer={viewer} hasTemplate={(ready.get("ready") ?? 0) > 0} />
              ) : null}
              <Tiles viewer={viewer} capacity={capacity} />
              <Columns>
                <NeedsPanel viewer={viewer} needs={needs} />
                <RunningPanel viewer={viewer} running={running} />
              </Columns>
              <RecentTasks viewer={viewer} tasks={recent} now={clock.now()} />
            </Stack>
          </>
        ),
      };
    },
  });

  web.live({
    name: "dashboard",
    topics: ["node", "guest", "task", "template", "disk"],
    role: "reader",
    async render(event, { viewer }) {
      // Progress comes often and changes one bar only.
      const task = event.topic === "task" ? await context.tasks.get(event.key) : null;
      if (task?.state === "running" && task.progress > 0)
        return [replace(`running-${task.id}`, await html(<RunningTask task={task} viewer={viewer} />))];
      const needs = async () =>
        replace(
          "dashboard-needs",
          await html(<NeedsPanel viewer={viewer} needs={await service.needs(viewer)} />),
        );
      if (event.topic === "task") {
        const running = await html(<RunningPanel viewer={viewer} running={await service.running()} />);
        const recent = await html(
          <RecentTasks viewer={viewer} tasks={await service.recent()} now={clock.now()} />,
        );
        return [replace("dashboard-running", running), replace("dashboard-recent", recent), await needs()];
      }
      const capacity = await service.capacity();
      return [
        replace("dashboard-head", await html(<Head viewer={viewer} capacity={capacity} />)),
        replace("dashboard-tiles", await html(<Tiles viewer={viewer} capacity={capacity} />)),
        await needs(),
      ];
    },
  });
}

/** The next step of an installation without guests. */
function Beginning({ viewer, hasTemplate }: { viewer: Viewer; hasTemplate: boolean }) {
  const { say } = viewer;
  if (viewer.role === "reader") return null;
  const action = hasTemplate ? (
    <Button size="small" href="/guests/new">
      {say("dashboard.createGuest")}
    </Button>
  ) : (
    <Button size="small" href="/templates/new">
      {say("dashboard.beginTemplate")}
    </Button>
  );
  return (
    <Notice tone="info" title={say("dashboard.begin")} actions={action}>
      {say(hasTemplate ? "dashboard.beginGuest" : "dashboard.beginHint")}
    </Notice>
  );
}
