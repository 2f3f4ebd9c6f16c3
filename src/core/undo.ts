/** Registrations that can be taken back: whatever a plugin registers is registered together with its undo. */

/** Takes back what a registration gave. Calling it twice does no harm. */
export type Undo = () => void;

/** Collects undos and runs them backwards, all of them, even when one throws. */
export class UndoList {
  private readonly undos: Undo[] = [];
  add(undo: Undo): Undo {
    this.undos.push(undo);
    return undo;
  }
  /** @throws AggregateError with all that went wrong, after every undo has run */
  run(): void {
    const errors: unknown[] = [];
    for (let undo = this.undos.pop(); undo; undo = this.undos.pop()) {
      try {
        undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "undo failed");
  }
}
