/** The first set-up through the guest agent, as a task of its own: it waits long, and nothing waits for it. */
import { type Actor, eq, type PreparedTask, type Statement, type Task, update } from "jimv";
import type { Ground } from "./needs.ts";
import { type Guest, guests } from "./schema.ts";
import { initGuest } from "./tasks.ts";

/** Its exclusive key: at most one at a time, and never in the way of the guest's other tasks. */
export const initKey = (uuid: string): string => `${uuid}:init`;

/** Makes the task and marks the guest; null for a guest that has no password to set, or has one under way. */
export async function prepareInit(
  ground: Pick<Ground, "tasks" | "vault">,
  guest: Guest,
  by: Task | Actor,
): Promise<PreparedTask | null> {
  if (guest.passwordSealed === null) return null;
  const open = await ground.tasks.openFor("guest", [guest.uuid]);
  if (open.some((task) => task.kind === initGuest.kind)) return null;
  const task = await ground.tasks.prepare(initGuest, {
    node: guest.nodeName,
    target: { type: "guest", key: guest.uuid, name: guest.name },
    exclusive: initKey(guest.uuid),
    payload: {
      uuid: guest.uuid,
      userName: guest.userName,
      password: ground.vault.unseal(guest.passwordSealed),
      hostname: guest.hostname,
      isWindows: guest.isWindows,
    },
    actor: "actor" in by ? actorOf(by.actor) : by,
  });
  const pending: Statement = update(
    guests,
    { initState: "pending", initWord: null, initArgs: null },
    eq(guests.uuid, guest.uuid),
  );
  return { ...task, statements: [pending, ...task.statements] };
}

/** Who asked, out of a task's `kind:name`. */
function actorOf(text: string): Actor {
  const [kind = "system", ...name] = text.split(":");
  return { kind: kind === "user" || kind === "token" ? kind : "system", name: name.join(":") };
}
