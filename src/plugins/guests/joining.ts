/** Where other plugins join in when guests are made and unmade: what they take in a request, book, and give back. */
import {
  AppError,
  type ControllerContext,
  check,
  defineHook,
  type EventRow,
  type FieldError,
  fieldError,
  type InterfaceFilter,
  type PostedForm,
  type Statement,
  serviceKey,
  type TObject,
  type TriedForm,
  type Viewer,
} from "jimv";
import type { Child } from "jimv/ui";
import type { CreateGuest } from "./requests.ts";
import type { Guest } from "./schema.ts";

/** How a guest sets its interface up where it does not ask DHCP; the seed tells it. */
export interface Addressing {
  /** With prefix: `192.0.2.7/24`. */
  addresses: string[];
  /** At most one of each family. */
  gateways: string[];
  dns: string[];
}

/** A guest that is about to be booked. A handler may put its interface elsewhere and say how it is set up and filtered. */
export interface DraftGuest {
  readonly uuid: string;
  readonly name: string;
  readonly nodeName: string;
  readonly mac: string;
  network: { network: string } | { bridge: string };
  addressing: Addressing | null;
  /** What its interface may send; everything when null. */
  filter: InterfaceFilter | null;
}

/**
 * Runs when a batch of guests is booked; handlers add what is written in the same batch. Where an `expect` of those
 * statements or a unique index refuses, everything is booked anew and the hook runs again. A handler that throws an
 * AppError refuses the batch.
 */
export const guestBooking = defineHook<{
  request: CreateGuest;
  guests: readonly DraftGuest[];
  statements: Statement[];
  events: EventRow[];
}>("guest.booking");

/** Runs when a creation has failed and nothing of the guest is left: what was booked for it is given back. */
export const guestUnmade = defineHook<{ guest: Guest; statements: Statement[]; events: EventRow[] }>(
  "guest.unmade",
);

/** What another plugin asks and takes when guests are made: `extras.<name>` of the request, a section of the form. */
export interface CreationPart {
  /** The plugin's name. */
  name: string;
  schema: TObject;
  /** The section of the form, or null when there is nothing to ask. */
  section(viewer: Viewer, tried: TriedForm | null): Promise<Child | null>;
  /** What a posted form says of it, or null for nothing. */
  read(form: PostedForm): Record<string, unknown> | null;
}
export const creationParts = serviceKey<CreationPart>("guests.creationParts");

/** Who books addresses adds an entry: those of some guests, by uuid; guests without one are left out. */
export type AddressBook = (uuids: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;
export const addressBooks = serviceKey<AddressBook>("guests.addressBooks");

/** What a request says to a plugin, checked before by `checkExtras`. */
export const extraOf = (request: CreateGuest, name: string): unknown => request.extras?.[name];

/** @throws AppError invalid when nobody takes an entry of `extras`, or it is not what its plugin takes */
export function checkExtras(request: CreateGuest, { slots }: Pick<ControllerContext, "slots">): void {
  for (const [name, value] of Object.entries(request.extras ?? {})) {
    const part = slots.all(creationParts).find((each) => each.name === name);
    if (!part) throw fieldError("extras", "guests.extraUnknown", { name });
    const result = check(part.schema, value);
    if (result.ok) continue;
    const fields: FieldError[] = result.errors.map((error) => ({
      ...error,
      path: `extras.${name}.${error.path}`,
    }));
    throw new AppError("invalid", "http.invalid", {}, { fields });
  }
}

/** The `extras` that a posted form asks for. */
export function extrasOf(
  form: PostedForm,
  { slots }: Pick<ControllerContext, "slots">,
): Pick<CreateGuest, "extras"> {
  const said = slots.all(creationParts).flatMap(({ name, read }) => {
    const value = read(form);
    return value === null ? [] : [[name, value] as const];
  });
  return said.length > 0 ? { extras: Object.fromEntries(said) } : {};
}

/** The booked addresses of guests, of all who book some. */
export async function bookedAddresses(
  uuids: readonly string[],
  { slots }: Pick<ControllerContext, "slots">,
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const book of slots.all(addressBooks))
    for (const [uuid, list] of await book(uuids)) found.set(uuid, [...(found.get(uuid) ?? []), ...list]);
  return found;
}
