/** Named places where one plugin lets others join in (`guest.beforeCreate`, `guest.deleted`). */
import type { Undo } from "./undo.ts";

/** A typed hook. Its handlers run in the order in which they were added; one that throws stops the rest. */
export interface Hook<T> {
  readonly name: string;
  /** Only for the type checker. */
  readonly type?: T;
}

export function defineHook<T>(name: string): Hook<T> {
  return { name };
}

type Handler = (subject: unknown) => void | Promise<void>;

export class Hooks {
  private readonly handlers = new Map<string, Handler[]>();

  on<T>(hook: Hook<T>, handler: (subject: T) => void | Promise<void>): Undo {
    const list = this.handlers.get(hook.name) ?? [];
    const entry = handler as Handler;
    this.handlers.set(hook.name, [...list, entry]);
    return () => {
      const now = this.handlers.get(hook.name) ?? [];
      this.handlers.set(
        hook.name,
        now.filter((one) => one !== entry),
      );
    };
  }

  /** Runs all handlers, one after the other. @throws what a handler throws */
  async run<T>(hook: Hook<T>, subject: T): Promise<void> {
    for (const handler of this.handlers.get(hook.name) ?? []) await handler(subject);
  }
}
