/** The wizard's own event stream: who sets up has no session, so the pages' common one does not serve them. */
import { AppError, type ControllerContext, SseStream, timing, type Viewer } from "jimv";
import { html, ReadinessRow, reload, replace } from "jimv/ui";
import { itemOf, Summary } from "./readiness.tsx";
import type { Setup } from "./service.ts";

/** Pages that may watch at once; nobody needs more, and nobody here is known. */
const mostStreams = 20;

export function startStream(context: ControllerContext, setup: Setup): void {
  const open = new Set<SseStream>();
  context.onStop(() => {
    for (const stream of [...open]) stream.end();
  });
  context.web.page({
    method: "GET",
    path: "/set-up/stream",
    role: "anyone",
    async handle({ viewer }) {
      if (await setup.look()) throw new AppError("conflict", "setup.done");
      if (open.size >= mostStreams)
        throw new AppError("tooMany", "http.manyStreams", { max: mostStreams, seconds: 10 });
      const stream = new SseStream(context.clock, () => null);
      open.add(stream);
      stream.whenOver(() => open.delete(stream));
      stream.whenOver(watch(context, setup, viewer, stream));
      return stream.response;
    },
  });
}

/** Looks again and again, and sends what changed. Returns what ends it. */
function watch(context: ControllerContext, setup: Setup, viewer: Viewer, stream: SseStream): () => void {
  const sent = new Map<string, string>();
  let busy = false;
  const look = async (): Promise<void> => {
    if (busy || stream.full) return;
    busy = true;
    try {
      if (setup.isDone()) {
        stream.send({ data: reload() });
        stream.end();
        return;
      }
      const checks = await setup.checks();
      const parts: [string, string][] = [
        ["set-up-summary", await html(<Summary viewer={viewer} checks={checks} />)],
      ];
      for (const check of checks) {
        const row = await html(<ReadinessRow lang={viewer.language} item={itemOf(check, viewer)} />);
        parts.push([`check-${check.id}`, row]);
      }
      for (const [id, markup] of parts) {
        if (sent.get(id) === markup) continue;
        sent.set(id, markup);
        stream.send({ data: replace(id, markup) });
      }
    } catch (error) {
      context.log.warn("the readiness checks failed", { error: String(error) });
    } finally {
      busy = false;
    }
  };
  void look();
  return context.clock.every(timing.setupCheckMilliseconds, () => void look());
}
