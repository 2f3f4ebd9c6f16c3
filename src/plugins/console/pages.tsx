/** The console's page: a window of its own. What may be done with the guest is on the guest's page. */
import type { Viewer } from "jimv";
import { ConsolePage } from "jimv/ui";
import { socketPath } from "./service.ts";

export function consolePage(guest: { uuid: string; name: string }, viewer: Viewer) {
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
