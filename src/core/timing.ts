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
  /**
   * Up to so long a booking waits that another controller overtook, so that the two don't go in step;
   * then it is planned anew, a bounded number of times.
   */
  bookingRetryMilliseconds: 10,
  /** The pause before a batch that met a deadlock runs again, times the attempt, with jitter. */
  storeRetryMilliseconds: 20,
  /** Waiting for another controller to finish migrating the store; then this one refuses to start. */
  migrationLockMilliseconds: 120_000,
  /** One migration step (altering a large table may copy it); then the start fails and is resumed later. */
  migrationStepMilliseconds: 3_600_000,
  /** A controller's start waits so long for a MySQL that can't be reached, looking again … */
  storeStartMilliseconds: 300_000,
  /** … so often; then it ends with a sentence, and systemd may start it anew. */
  storeStartAgainMilliseconds: 2_000,
  /** Other controllers' events are read so often where no wake-up came: Redis may be away. */
  eventsLookMilliseconds: 2_000,
  /** A leader that was not heard by the database for so long may be followed by another controller. */
  leaseMilliseconds: 15_000,
  /** The leader renews its lease so often, and the others try to take it. */
  leaseRenewMilliseconds: 4_000,
  /** … or so often while the database is away. */
  leaseRetryMilliseconds: 1_000,
  /**
   * A leader that could not renew stops so long before its lease ends: the database's clock is read in whole
   * seconds (1 s), the rest is for clocks that run differently and for what is just under way.
   */
  leaseMarginMilliseconds: 3_000,
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
  /**
   * A page's stream rests at most so long between two messages. A message that took long to make because the machine was
   * busy for a moment, as with a guest that starts, must not hold back the next one for longer than a person notices.
   */
  streamRestMilliseconds: 50,
  /** What a page shows of all rows together is told at most this often: to count thousands of rows takes a while. */
  streamSumsMilliseconds: 1_000,
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
  /** The dispatcher looks for expired and unsent tasks so often; new ones are sent at once. */
  dispatchTurnMilliseconds: 1_000,
  /** A task that was sent and did not begin is sent again after this; a node that has it ignores it. */
  resendMilliseconds: 30_000,
  /** A running task that was told to end at its deadline gets this long; then the controller ends it. */
  expiryGraceMilliseconds: 30_000,
  /** Between two reports of one task's progress. */
  progressMilliseconds: 250,
  /** A failed task's undos are tried again for so long; what still stands then is reported as leftovers. */
  undoPatienceMilliseconds: 10_000,
  undoRetryMilliseconds: 500,
  /** Leftovers are tried again so often until they are gone. */
  leftoverSweepMilliseconds: 3_000,
  /** The pause before a task's end is written again, where the disk was full. */
  outboxAgainMilliseconds: 1_000,
  /** A node whose reports nobody acknowledged for so long asks how far the controller is, then ever more rarely. */
  knockMilliseconds: 15_000,
  /** A running task that was told to end, and did not, is told again after this: the word may have been lost. */
  cancelAgainMilliseconds: 5_000,
  /** Another machine that claims a node's name is shown on its page for so long after its last hello. */
  refusalShownMilliseconds: 30_000,
  /** A node that was not welcomed says hello again after this. */
  helloAgainMilliseconds: 5_000,
  /** The pause before a welcome that the store was not there for is tried again. */
  welcomeAgainMilliseconds: 1_000,
  /** The pause after the road refused, doubled up to the longest. */
  roadRetryFirstMilliseconds: 100,
  roadRetryLongestMilliseconds: 5_000,
  /** A connection to Redis must be made, let in and answer within this; then it is tried again. */
  roadConnectMilliseconds: 5_000,
  /** One command to Redis; then it fails, and its connection is cut and made anew. */
  roadAnswerMilliseconds: 3_000,
  /** A wait for Redis that ends so much too late says that this process stood still: an answer gets that once again. */
  roadStoodStillMilliseconds: 250,
  /** A connection on which nothing was said for so long is asked whether it still stands. */
  roadPingMilliseconds: 5_000,
  /** Redis holds a controller's question for new entries for so long, then it is asked again. */
  roadBlockMilliseconds: 1_000,
  /**
   * … and a node's. There are many nodes, and each question is two ways through Redis; it is also how a node notices that
   * Redis has lost its data.
   */
  roadNodeBlockMilliseconds: 4_000,
  /**
   * Between two questions of a controller while reports come: what came in between comes with one answer. A question
   * names every node, so it waits longer the more of them there are: the least, and so much for each node.
   */
  roadGatherMilliseconds: 5,
  roadGatherPerNodeMilliseconds: 0.1,
  /** Between the beginnings of two transactions that bring together the reports of many nodes. */
  commitRestMilliseconds: 40,
  /**
   * Reports of which only the latest counts (heartbeats, lists) are acknowledged at most so often, or in so many: a node
   * gains nothing by hearing it sooner, and each word wakes it. Less than `knockMilliseconds` by more than a heartbeat.
   */
  roadRestMilliseconds: 8_000,
  /** A controller looks so often whether nodes came or went. */
  roadNodesMilliseconds: 2_000,
  /** Commands that a node has read are removed from its stream at most so often. */
  roadTrimMilliseconds: 5_000,
  /** Controllers wake each other at most so often. */
  wakeGatherMilliseconds: 20,
  /** A controller looks so often for other controllers' events, where no wake-up came. */
  eventsPollMilliseconds: 2_000,
  /** A join token is good for so long; then another must be made. */
  joinTokenMilliseconds: 24 * 3_600_000,
  /** A machine that joins asks again for so long while the controller can't be reached, so often. */
  joinPatienceMilliseconds: 60_000,
  joinAgainMilliseconds: 2_000,
  /** One request of a machine that joins. */
  joinRequestMilliseconds: 20_000,
  /** A node tells its load, memory and lamps so often. */
  heartbeatMilliseconds: 2_000,
  /** A node that was not heard for so long is silent; its guests' states are doubtful. */
  nodeSilentMilliseconds: 6_000,
  /** … and after this it is offline; its guests are shown as unknown. */
  nodeOfflineMilliseconds: 20_000,
  /** A node whose clock is further off the controller's is marked. Longer than a heartbeat is under way. */
  nodeClockMilliseconds: 30_000,
  /**
   * Figures in the navigation are asked for anew after this, aside: the page that asks takes the one that is known. What is
   * known to change one shows at once …
   */
  navFigureMilliseconds: 2_000,
  /** … but not within this: where hundreds of guests change a second every page would count them all again. */
  navFigureLeastMilliseconds: 200,
  /** A figure that is asked for anew beside a page waits so long, so that the page's own questions go first. */
  navFigureRestMilliseconds: 50,
  /** No page shows an older one. */
  navFigureMostMilliseconds: 5_000,
  /** What a controller keeps of rows in memory is read anew so often, in case an event did not come. */
  mirrorMilliseconds: 300_000,
  /** A node asks libvirtd for its slow facts (versions, pool, networks) so often. */
  nodeFactsMilliseconds: 10_000,
  /** The leader looks so often whether a node fell silent or came back. */
  nodeStateTurnMilliseconds: 1_000,
  /** A node that has not yet said that it keeps its ports from other programs is asked again after this. */
  portsAskAgainMilliseconds: 15_000,
  /** A node whose pool or network went away is set up again at most once in this time. */
  nodeReconcileMilliseconds: 60_000,
  /** Making the storage folder, pool and network of a node; then the task fails. */
  nodeConfigureDeadlineMilliseconds: 180_000,
  /** A node sends the full list of its domains so often. */
  fullListMilliseconds: 10_000,
  /** … and this long after libvirtd came back, when it may still be finding its guests again, and after 3 times that. */
  listAfterConnectMilliseconds: 1_000,
  /** After a guest's start its addresses are looked at after this, then after twice as long, up to the longest. */
  addressFirstMilliseconds: 2_000,
  addressLongestMilliseconds: 300_000,
  /** Pages that open ask a node for a guest's definition and screen at most so often. */
  lookAgainMilliseconds: 2_000,
  /** A console ticket is good for so long, once. */
  consoleTicketMilliseconds: 30_000,
  /** Waiting for QEMU's VNC server to accept; then the console is refused. */
  consoleConnectMilliseconds: 5_000,
  /**
   * A freshly created guest's agent must answer within this for its password to be set; then the set-up fails and can
   * be retried. Windows' first boot takes many minutes, and so does a Linux one under software emulation.
   */
  agentPatienceMilliseconds: 600_000,
  /** Between two pings of a guest agent that is awaited. */
  agentPingMilliseconds: 1_000,
  /** The small machine that carries out boot jobs must boot, and find the guest's system; then its jobs fail. */
  applianceStartMilliseconds: 300_000,
  /** One look or change in a guest's files; then the job fails and the small machine is ended. */
  applianceCommandMilliseconds: 120_000,
  /** A boot job's command in the guest's files is ended after this by the guest's own `timeout`, … */
  bootCommandMilliseconds: 600_000,
  /** … or, where it has none, with the small machine after this. Longer than the former. */
  applianceScriptMilliseconds: 660_000,
  /** A small machine that an earlier process left behind must be gone this long after it was killed. */
  applianceEndMilliseconds: 10_000,
  applianceLookMilliseconds: 50,
  /** What boot jobs add to the time that a boot may take: the small machine, waiting for a free one, … */
  bootJobsMilliseconds: 3_600_000,
  /** Queued jobs are looked through for those that are out of time so often. */
  bootJobsExpireMilliseconds: 5_000,
  /** Jobs that were carried out stay in a guest's list for so long. */
  bootJobsKeepMilliseconds: 30 * 24 * 3_600_000,
  /** A guest that was asked to shut down gets this long; then its row says that it did not follow. */
  shutdownPatienceMilliseconds: 180_000,
  /** A live change of a guest's address is taken back by the guest itself after this, unless the node says that it answers. */
  replaceTimerMilliseconds: 30_000,
  /** The new address must answer within this; then the change is taken back at once. Shorter than the guest's timer. */
  replaceAnswerMilliseconds: 10_000,
  /** Between two looks at an address that is awaited, first live, then after a boot. */
  reachAgainMilliseconds: 200,
  reachBootAgainMilliseconds: 2_000,
  /** One ping; then the address did not answer. */
  reachPingSeconds: 1,
  /** Where a node has no ping: how long ARP gets. */
  reachKnockMilliseconds: 300,
  /** A small command about the network; then it is killed and counts as no answer. */
  reachCommandMilliseconds: 5_000,
  /** The whole live change of an address, the guest's timer included; then nobody knows, and a person decides. */
  replaceDeadlineMilliseconds: 180_000,
  /** A guest that was told at its boot must answer at its new address within this; then a person decides. */
  replacedCheckDeadlineMilliseconds: 900_000,
  /** Guests that must be tied anew to their addresses are looked for so often, … */
  tieTurnMilliseconds: 2_000,
  /** … and tried again after this where it failed. */
  tieAgainMilliseconds: 60_000,
  /** Copying an image, defining and starting a guest; then the creation fails and is undone. */
  createDeadlineMilliseconds: 4 * 3_600_000,
  /** Starting, stopping, pausing and the like; then the task fails. */
  powerDeadlineMilliseconds: 300_000,
  /** Looking at a template's image; then it counts as refused. */
  checkDeadlineMilliseconds: 120_000,
  /** The set-up code from start: a new one is printed when it was tried wrongly too often. */
  setupCheckMilliseconds: 2_000,
  /** Events older than this are dropped; a browser that was away longer reloads. */
  eventsKeepMilliseconds: 3_600_000,
  /** Ended tasks are kept for so long. */
  tasksKeepMilliseconds: 90 * 24 * 3_600_000,
  /** Old events and tasks are looked for so often. */
  pruneMilliseconds: 600_000,
  /** Plugins and roads get this long to stop; then the process ends anyway. */
  stopMilliseconds: 10_000,
  /** A call to libvirtd that should take milliseconds (list, look up, define); then it fails as `timeout`. */
  libvirtShortCallMilliseconds: 10_000,
  /** A call that starts or ends a guest, a pool or a network; then it fails as `timeout` and may still happen. */
  libvirtLongCallMilliseconds: 120_000,
  /**
   * A guest that has come to a node which does not know it is taken for lost after this. Longer than reports are
   * under way when all is well; while the road is away it may be taken for lost until the next list comes.
   */
  arrivalPatienceMilliseconds: 60_000,
  /** Moving a guest, its disks included; then it is cancelled and stays. */
  migrateDeadlineMilliseconds: 24 * 3_600_000,
  /** Between two looks at the figures of a running migration. */
  migrateLookMilliseconds: 500,
  /** A guest's writing is measured twice before it moves, so that writing to the same place again shows. */
  dirtyRateFirstSeconds: 1,
  dirtyRateSecondSeconds: 4,
  /** After what went wrong in the last moment: between two looks at both sides, … */
  migrateSettleMilliseconds: 2_000,
  /** … and for how long. Then the guest stays as it is, and the task says what to do. */
  migrateSettlePatienceMilliseconds: 15 * 60_000,
  /** A look whether something else listens on a port that a guest is to come to; then nothing does. */
  portLookMilliseconds: 2_000,
  /** Between two looks of the leader at nodes that are being emptied; a migration that ends is seen to at once. */
  drainTurnMilliseconds: 2_000,
  /**
   * A node that is being emptied waits so long for guests that are busy, or for itself to be heard again, while
   * nothing else goes on; then they stay.
   */
  drainPatienceMilliseconds: 10 * 60_000,
  /** A migration, or a file sent to another node; then it is cancelled. Longer than the task that asks for it. */
  libvirtPatientCallMilliseconds: 25 * 3_600_000,
  /** A measurement of how fast a guest writes that is not ready so long after its time; then it is done without. */
  dirtyRateGraceMilliseconds: 3_000,
  dirtyRateLookMilliseconds: 100,
  /** A question to another node's libvirtd, connecting included; then it fails as `timeout` and may be asked again. */
  libvirtPeerCallMilliseconds: 30_000,
  /** Added to a guest-agent command's own time-out, so that libvirt's answer comes before ours. */
  libvirtAgentGraceMilliseconds: 5_000,
  /** Between two probes of libvirtd and of the event worker. */
  libvirtHeartbeatMilliseconds: 1_000,
  /** A short call or probe that takes longer lights its lamp. Longer than the heartbeat. */
  libvirtStuckMilliseconds: 2_500,
  /** libvirt's own keepalive: after count + 1 silent intervals the connection counts as dead. */
  libvirtKeepaliveSeconds: 2,
  libvirtKeepaliveCount: 4,
  /** The pause between two attempts to connect to libvirtd. */
  libvirtReconnectMilliseconds: 500,
  /** A start goes on without libvirtd after this; it is connected in the background. */
  libvirtFirstConnectMilliseconds: 5_000,
  /** A worker that is stuck so long beyond its call's deadline is replaced, and left to end by itself. */
  libvirtReplaceMilliseconds: 60_000,
  /** When calls have waited so long for a lane's workers, it gets more of them. */
  libvirtGrowMilliseconds: 50,
  /** A lane's workers end after so long without work, to give their memory back. */
  libvirtIdleMilliseconds: 15_000,
  /** Each thread looks so often whether work is over and memory can be given back. Shorter, and a pause between
   * two clicks would count as the end. */
  memoryLookMilliseconds: 15_000,
  /** Stopping waits so long for libvirtd to take its leave. */
  libvirtCloseMilliseconds: 1_000,
  /** A quick qemu-img command (info, create, resize) that prints nothing; then it is killed: `timeout`. */
  imageQuickMilliseconds: 30_000,
  /** A copy without any progress, e.g. because a network storage hangs; then it is killed: `timeout`. */
  imageStallMilliseconds: 600_000,
  /** Whether another machine's libvirtd listens at all, before an image is fetched from it; then the copy fails. */
  peerKnockMilliseconds: 5_000,
  /** Another machine whose image is being fetched may be away so long in a row; then the transfer fails. */
  fetchPatienceMilliseconds: 120_000,
  /** The pause before such a machine is tried again. */
  fetchRetryMilliseconds: 2_000,
  /** Reading the mark or the room of a storage pool's folder: a dead network storage never answers, and counts as silent. */
  poolMarkMilliseconds: 3_000,
  /** A node tells the figures and the health of its storage pools so often. */
  poolFactsMilliseconds: 10_000,
  /** How much room a Ceph pool has is asked so often while it answers: libvirt opens each of its images for that. */
  cephFactsMilliseconds: 60_000,
  /** A pool that was not told of for so long by its node is not healthy. Longer than several tellings. */
  poolSilentMilliseconds: 45_000,
  /** A pool that went missing on a node is set up there again at most once in this time. */
  poolReconcileMilliseconds: 60_000,
  /** Setting a storage pool up on a node, or taking it away; then the task fails. */
  poolTaskDeadlineMilliseconds: 300_000,
  /** Copying a template to where it is needed; then the copy, and whoever waits for it, fails. */
  templateCopyDeadlineMilliseconds: 3 * 3_600_000,
  /** `jimv check` waits for libvirtd's answer; then it counts as missing. */
  checkConnectMilliseconds: 4_000,
  checkPollMilliseconds: 50,
  /** The whole first set-up of a guest through its agent, waiting for a lane included; then it fails and can be retried. */
  initDeadlineMilliseconds: 900_000,
  /** One command to a guest agent that answers; then the set-up tries again. */
  agentCommandSeconds: 10,
  /** Between two looks at a guest that was asked to shut down, where libvirt's event did not come. */
  shutdownLookMilliseconds: 2_000,
  /** A guest that was asked to shut down is asked again after this: while it boots it does not hear. */
  shutdownAskAgainMilliseconds: 15_000,
  /** One ping of a guest agent that is awaited; no answer means that it is not there yet. */
  agentPingSeconds: 1,
  /** Between two looks at a command that runs in a guest. */
  agentExecLookMilliseconds: 250,
  /** A node's look at itself for an audit; then the audit goes on without it and says so. */
  auditLookMilliseconds: 60_000,
  /** A task that is open so long beyond its deadline has been forgotten. Longer than `expiryGraceMilliseconds`. */
  auditOverdueMilliseconds: 60_000,
  /** Between an audit's first and second look, for what was just changing. Longer than `fullListMilliseconds`. */
  auditAgainMilliseconds: 12_000,
  /** Between two looks whether the nodes have answered an audit. */
  auditPollMilliseconds: 200,
} as const;
