/** Where replacements take part in what happens to guests: their boots, their tasks' ends, and their own end. */
import { type ControllerContext, eq, fits, remove } from "jimv";
import { bootJobEnded } from "../boot-jobs/index.ts";
import { guestBeforeBoot, guestDeleted, guestUnmade } from "../guests/index.ts";
import { AppliedReport, appliedReport, checkReplaced, replaceLive } from "./replace-tasks.ts";
import type { Replacing } from "./replacing.ts";
import { replacements } from "./schema.ts";

export function joinReplacing(context: ControllerContext, replacing: Replacing): void {
  const { hooks } = context;
  const { endings } = replacing;
  context.settle(replaceLive, {
    succeeded: (_task, { replacement }, { told, tied }) => endings.verified(replacement, told, tied),
    failed: (task, { replacement, again }, error) => endings.failed(replacement, error, task, again),
  });
  context.settle(checkReplaced, {
    succeeded: (_task, { replacement }, { tied }) => endings.verified(replacement, true, tied),
    failed: (task, { replacement }, error) => endings.failed(replacement, error, task),
  });
  context.onReport(appliedReport, async ({ body }) =>
    fits(AppliedReport, body) ? endings.applied(body.replacement, body.telling) : { statements: [] },
  );
  context.onStop(
    hooks.on(guestBeforeBoot, async ({ guest, luggage, statements }) => {
      statements.push(...(await replacing.pack(guest, luggage)));
    }),
  );
  context.onStop(
    hooks.on(bootJobEnded, async ({ queued, succeeded, effects }) => {
      const more = await endings.jobEnded(queued, succeeded);
      effects.statements.push(...more.statements);
      effects.events?.push(...(more.events ?? []));
      const { after } = effects;
      if (more.after)
        effects.after = () => {
          after?.();
          more.after?.();
        };
    }),
  );
  for (const hook of [guestDeleted, guestUnmade])
    context.onStop(
      hooks.on(hook, ({ guest, statements }) => {
        statements.push(remove(replacements, eq(replacements.guestUuid, guest.uuid)));
      }),
    );
}
