/** The forms of a disk's dialogs, made of the API's own schemas. */
import { type Static, Type } from "jimv";
import { CreateDisk } from "./contract.ts";

export const RenameForm = Type.Object({ name: CreateDisk.properties.name });
export type RenameForm = Static<typeof RenameForm>;

export const AttachForm = Type.Object({ guestUuid: Type.String({ minLength: 36, maxLength: 36 }) });
export type AttachForm = Static<typeof AttachForm>;
