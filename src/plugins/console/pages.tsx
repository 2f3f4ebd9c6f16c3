/** The console's page: a window of its own. What may be done with the guest is on the guest's page. */
import type { ControllerContext, Viewer } from "jimv";
import { ConsolePage } from "jimv/ui";
import { type ConsoleService, socketPath } from "./service.ts";

export function consolePages({ web }: ControllerContext, service: ConsoleService): void {
  web.page({
    method: "GET",
    path: "/guests/{uuid}/console",
    role: "operator",
    handle: async ({ params, viewer }) => {
      const uuid = params.uuid ?? "";
      const name = await service.name(uuid);
      return { page: consolePage({ uuid, name }, viewer), title: name, frame: "bare" };
    },
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/console/ticket",
    role: "operator",
    handle: async ({ params, viewer }) =>
      Response.json(await service.issue(params.uuid ?? "", viewer.actor), {
        headers: { "cache-control": "no-store" },
      }),
  });
}

function consolePage(guest: { uuid: string; name: string }, viewer: Viewer) {
  return (
    <ConsolePage
      lang={viewer.language}
      theme={viewer.theme}
      csrf={viewer.csrf}
      name={guest.name}
      href={`/guests/${guest.uuid}`}
      ticketUrl={`/guests/${guest.uuid}/console/ticket`}
      socketUrl={socketPath}
    />
  );
}
