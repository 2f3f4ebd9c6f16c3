/**
 * Every duration of the program, with its unit in the name and what happens when it runs out. Where one has
 * to be longer than another, `timing.test.ts` checks it.
 */
export const timing = {
  /** SQLite waits this long for another program's write lock, then the batch fails as unavailable. */
  storeBusyMilliseconds: 5_000,
  /** A new MySQL connection (TCP, handshake, sign-in); then the query fails as unavailable. */
  storeConnectMilliseconds: 5_000,
  /** Waiting for a free connection of the MySQL pool; then the query fails as unavailable. */
  storeAcquireMilliseconds: 10_000,
  /** MySQL gives up waiting for a row lock; the batch is rolled back and run again (see the next two). */
  storeLockWaitSeconds: 5,
  /** One MySQL query; then its connection is cut and the query fails as unavailable. */
  storeQueryMilliseconds: 15_000,
  /** The pause before a batch that met a deadlock runs again, times the attempt, with jitter. */
  storeRetryMilliseconds: 20,
  /** Waiting for another controller to finish migrating the store; then this one refuses to start. */
  migrationLockMilliseconds: 120_000,
  /** One migration step (altering a large table may copy it); then the start fails and is resumed later. */
  migrationStepMilliseconds: 3_600_000,
  /** A session that nobody used for so long ends; its owner signs in again. */
  sessionIdleMilliseconds: 12 * 3_600_000,
  /** A session ends so long after its sign-in in any case. */
  sessionLifeMilliseconds: 7 * 24 * 3_600_000,
  /** How exactly we know when a session or token was last used: one write in this time at most. */
  sessionTouchMilliseconds: 60_000,
  /** Hashing or checking one password; then the sign-in fails as unavailable, or scrypt makes the hash. */
  passwordHashMilliseconds: 5_000,
  /** Failed sign-ins of one name from one address are forgotten after this; five within it must wait for it. */
  signInWindowMilliseconds: 300_000,
  /** Between two signs of life on an event stream: proxies and browsers close silent ones. */
  streamHeartbeatMilliseconds: 5_000,
  /** An event stream is closed after this and the client resumes, so that none is left behind forever. */
  streamLifeMilliseconds: 900_000,
  /** A client that takes nothing from its event stream for so long is cut off. */
  streamStuckMilliseconds: 30_000,
  /** A request's body must have arrived; then it is refused as malformed. */
  requestBodyMilliseconds: 30_000,
  /** A connection on which nothing moves is closed. Longer than the heartbeat. */
  connectionIdleSeconds: 60,
  /** Between a WebSocket's acceptance and its opening; then its source is closed. */
  socketOpenMilliseconds: 10_000,
  /** Requests under way when the program stops get this long; then they are cut. */
  requestGraceMilliseconds: 5_000,
} as const;
