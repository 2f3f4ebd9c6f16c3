/** Everything that a page needs, under one name. Pages import from here only. */
export { assetUrl, serveAsset } from "./assets.ts";
export { absoluteTime, bytes, duration, integer, mebibytes, relativeTime, timeOfDay } from "./format.ts";
export { type IconName, icons, isIcon } from "./icons.ts";
export { append, documentHtml, html, prepend, reload, remove, replace } from "./live.ts";
export { Button, type ButtonProps, IconButton } from "./parts/button.tsx";
export { type Card, Checkbox, type Chip, Chips, RadioCards, Switch } from "./parts/choice.tsx";
export { ConsolePage, type ConsolePageProps } from "./parts/console.tsx";
export { Code, Command, CopyButton, Picture } from "./parts/copy.tsx";
export { type Definition, DefinitionList } from "./parts/definitions.tsx";
export { DangerDialog, type DangerProps, Dialog, type DialogProps } from "./parts/dialog.tsx";
export { EmptyState, NothingMatches } from "./parts/empty.tsx";
export { ErrorPage } from "./parts/error.tsx";
export { FilterBar, type FilterBarProps } from "./parts/filter.tsx";
export {
  Field,
  FieldRow,
  Form,
  FormSection,
  type InputProps,
  NumberInput,
  type Option,
  Password,
  Select,
  SubmitRow,
  Textarea,
  TextInput,
} from "./parts/form.tsx";
export { type Crumb, Frame, type FrameNavEntry, type FrameProps } from "./parts/frame.tsx";
export { Icon, Mark, Tile } from "./parts/icon.tsx";
export type { Child } from "./parts/kit.ts";
export {
  List,
  type ListAddress,
  type ListProps,
  type ListState,
  listAddress,
  listPageSize,
} from "./parts/list.tsx";
export { Logo } from "./parts/logo.tsx";
export { Menu, type MenuItem, MoreMenu } from "./parts/menu.tsx";
export { Notice, type NoticeProps, Refusal } from "./parts/notice.tsx";
export { type PaletteHit, PaletteHits } from "./parts/palette.tsx";
export {
  Columns,
  Figure,
  Figures,
  IconList,
  Meter,
  PageHead,
  Panel,
  Row,
  Stack,
  Tag,
  WithRail,
} from "./parts/panel.tsx";
export { PlainFrame, type PlainFrameProps } from "./parts/plain.tsx";
export { Progress, type ProgressProps, timeLeft } from "./parts/progress.tsx";
export { Readiness, type ReadinessItem, ReadinessRow, WizardSteps } from "./parts/readiness.tsx";
export { Secret } from "./parts/secret.tsx";
export { type RunningTask, StateCell, StateMark, type StateMarkProps } from "./parts/state.tsx";
export {
  type BatchAction,
  BatchBar,
  type Column,
  NewerRows,
  Pager,
  type PagerProps,
  PagerRange,
  type Sorting,
  Table,
  type TableProps,
  TableRow,
  type TableSpec,
  TwoLines,
} from "./parts/table.tsx";
export { Segments, type Tab, Tabs } from "./parts/tabs.tsx";
export { Time } from "./parts/time.tsx";
export { Toast, type ToastProps, toasted } from "./parts/toast.tsx";
export { TaskTray, TrayItem, type TrayTask, trayChange, trayRemove } from "./parts/tray.tsx";
export type { Theme } from "./preferences.ts";
export { makeShell, type ShellOptions } from "./shell.tsx";
export { type Kind, type Look, lookOf, looks, type StateOf, type Tone } from "./states.ts";
export { counted, say, type UiWord, uiWords } from "./words.ts";
