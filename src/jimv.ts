/**
 * The one name that every plugin imports: `jimv` (its pages also `jimv/ui`). Built-in plugins see exactly this
 * face, and the executable hands the same one to plugins from `/etc/jimv/plugins`.
 */
export { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";
export type { Clock } from "./core/clock.ts";
export * from "./core/errors.ts";
export { fits } from "./core/fits.ts";
export { Gathered } from "./core/gathered.ts";
export { defineHook, type Hook, type Hooks } from "./core/hooks.ts";
export { type AccessService, accessService, type SignedIn } from "./core/http/access-service.ts";
export * from "./core/http/contract.ts";
export {
  actedOn,
  constraintsOf,
  errorIn,
  type Form as PostedForm,
  listIn,
  type ParsedForm,
  parseForm,
  submitForm,
  type TriedForm,
  typedIn,
} from "./core/http/forms.ts";
export { listQuery, pageOf, pageSchema, sortOf, windowOf } from "./core/http/list.ts";
export { fieldText, sentenceOf } from "./core/http/problem.ts";
export { localPath } from "./core/http/security.ts";
export { NewPassword, PersonName, RoleSchema, TokenName } from "./core/http/session-routes.ts";
export { SseStream } from "./core/http/sse.ts";
export { check, patternWord } from "./core/http/validate.ts";
export { type DomainHoldings, readHoldings } from "./core/libvirt/definition.ts";
export * from "./core/libvirt/hypervisor.ts";
export { isSameFilter } from "./core/libvirt/network-filter.ts";
export type { Log } from "./core/log/log.ts";
export { Mirror, type MirrorSources } from "./core/mirror.ts";
export * from "./core/plugin.ts";
export { type Remembered, remembered } from "./core/remembered.ts";
export type {
  Command,
  Envelope,
  ReportBody,
  ReportEffects,
  ReportHandler,
  ReportOptions,
  RoadStatus,
} from "./core/road/contract.ts";
export { sha512Crypt } from "./core/seed/crypt.ts";
export { isoImage } from "./core/seed/iso.ts";
export type { SettingsDesk } from "./core/settings.ts";
export * from "./core/store/index.ts";
export { type PreparedTask, type TaskDesk, type TaskSettlement, taskEvent } from "./core/tasks/desk.ts";
export * from "./core/tasks/kind.ts";
export type { Operation, UndoCall } from "./core/tasks/operation.ts";
export { type Peer, peers, type Task, tasks } from "./core/tasks/schema.ts";
export { timing } from "./core/timing.ts";
export { randomPassword, type Vault } from "./core/vault.ts";
export * from "./core/words.ts";
