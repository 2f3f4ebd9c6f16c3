/** What becomes of disks when their tasks end. */
import { and, type ControllerContext, eq, type ReportEffects, remove, type TaskError, update } from "jimv";
import { type DiskState, disks } from "./schema.ts";
import { diskEvent } from "./service.ts";
import { createDisk, deleteDisk } from "./tasks.ts";

export function registerSettlements(context: Pick<ControllerContext, "settle">): void {
  const inState = (uuid: string, state: DiskState) => and(eq(disks.uuid, uuid), eq(disks.state, state));
  const failed = (uuid: string, state: DiskState, error: TaskError): ReportEffects => ({
    statements: [
      update(
        disks,
        { state: "failed", failedWord: error.word, failedArgs: error.args },
        inState(uuid, state),
      ),
    ],
    events: [diskEvent(uuid)],
  });
  context.settle(createDisk, {
    succeeded: (_task, { uuid }) => ({
      statements: [update(disks, { state: "idle" }, inState(uuid, "creating"))],
      events: [diskEvent(uuid)],
    }),
    failed: (_task, { uuid }, error) => failed(uuid, "creating", error),
  });
  context.settle(deleteDisk, {
    succeeded: (_task, { uuid }) => ({
      statements: [remove(disks, inState(uuid, "deleting"))],
      events: [diskEvent(uuid, { deleted: true })],
    }),
    failed: (_task, { uuid }, error) => failed(uuid, "deleting", error),
  });
}
