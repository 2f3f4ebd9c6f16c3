/**
 * What can go wrong in the store, as types. Services catch the three that are part of their rules
 * (`StoreUniqueError`, `StoreExpectationError`, `LeaseLostError`); the rest means "try again later"
 * (`StoreUnavailableError`) or a defect.
 */

/** The parent of all of them. The message is a whole sentence. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
}

/**
 * A unique index refused a row. The whole batch was rolled back. Where a row clashes on several indexes, each
 * database names the one it looked at first.
 */
export class StoreUniqueError extends StoreError {
  override readonly name = "StoreUniqueError";
  constructor(
    /** The index as named in the table's description; `PRIMARY` for the primary key. */
    readonly index: string,
    readonly table: string,
    /** Which statement of the batch it was, from 0. */
    readonly statement: number,
    options?: ErrorOptions,
  ) {
    super(`Another row of "${table}" already has these values (unique index "${index}").`, options);
  }
}

/** A statement touched another number of rows than it said it would. The whole batch was rolled back. */
export class StoreExpectationError extends StoreError {
  override readonly name = "StoreExpectationError";
  constructor(
    /** Which statement of the batch it was, from 0. */
    readonly index: number,
    readonly table: string,
    readonly expected: number,
    readonly actual: number,
  ) {
    super(
      `Statement ${index} of the batch, on "${table}", expected ${expected} matching rows and found ${actual}: ` +
        "the rows changed meanwhile. Read them again and decide anew.",
    );
  }
}

/** Somebody else leads since: the batch of the old leader was rolled back. */
export class LeaseLostError extends StoreError {
  override readonly name = "LeaseLostError";
  constructor(readonly epoch: number) {
    super(`The lease with epoch ${epoch} is no longer held: another controller leads now.`);
  }
}

/** The database can't be reached, is too slow or is locked by another program. Trying again helps. */
export class StoreUnavailableError extends StoreError {
  override readonly name = "StoreUnavailableError";
  constructor(
    message: string,
    /** True when the connection was lost during COMMIT: the batch is then either whole or absent. */
    readonly maybeCommitted: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A value doesn't fit its column. A service should have refused it before. */
export class StoreValueError extends StoreError {
  override readonly name = "StoreValueError";
}

/** The store's migrations and this program don't fit together, or a step failed. */
export class MigrationError extends StoreError {
  override readonly name = "MigrationError";
}

/** What an engine makes of its driver's message about a unique index; `store.ts` finds the index's name. */
export class UniqueViolation extends StoreError {
  constructor(
    /** The index's name where the driver tells it, else its columns' SQL names. */
    readonly on: { index: string } | { columns: readonly string[] },
    options?: ErrorOptions,
  ) {
    super("unique violation", options);
  }
}

/** Asks the engine to run the whole batch once more: two clients inserted the same upserted row at once. */
export class RunAgain extends StoreError {}
