/** Questions before something is lost: deleting, forcing off, forcing to reboot. And the dialog of changes. */
import { AppError, constraintsOf, errorIn, type TriedForm, typedIn, type Viewer } from "jimv";
import {
  Button,
  bytes,
  Checkbox,
  type Child,
  DangerDialog,
  Dialog,
  FieldRow,
  Form,
  NumberInput,
  Refusal,
  say,
  TextInput,
} from "jimv/ui";
import { bytesPerGiB, hrefOf, mayDelete, type PageNeeds } from "./pages-parts.tsx";
import { ChangeGuest } from "./requests.ts";
import { allows } from "./states.ts";
import type { GuestDetail } from "./views.ts";
import { countedIn, wordsOf } from "./words-pages.ts";

/** The guests of a selection that are still there, in its order. */
async function detailsOf(uuids: readonly string[], needs: PageNeeds): Promise<GuestDetail[]> {
  const found: GuestDetail[] = [];
  for (const uuid of uuids) {
    try {
      found.push(await needs.service.get(uuid));
    } catch (error) {
      // Gone meanwhile: nothing is left to ask about it.
      if (!(error instanceof AppError) || error.kind !== "notFound") throw error;
    }
  }
  return found;
}

const titleArgs = (guests: readonly GuestDetail[]): { name: string } => ({ name: guests[0]?.name ?? "" });

/** Names each guest and each of its disks with their sizes; data disks stay unless ticked. */
export async function deleteDialog(uuids: readonly string[], viewer: Viewer, needs: PageNeeds) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const guests = (await detailsOf(uuids, needs)).filter(mayDelete);
  if (guests.length === 0) throw new AppError("conflict", "guests.page.nothingFits");
  const dataDisks = guests.flatMap((guest) => guest.disks.filter((disk) => disk.role === "data"));
  const victims = guests.flatMap((guest): Child[] => [
    <b>
      {t(allows(guest.state, "delete") ? "guests.page.victim" : "guests.page.victimRunning", {
        name: guest.name,
        node: guest.nodeName,
      })}
    </b>,
    ...guest.disks
      .filter((disk) => disk.role === "system")
      .map((disk) =>
        t("guests.page.victimDisk", {
          disk: `${t("guests.page.diskSystem")} ${disk.target ?? ""}`.trim(),
          size: bytes(lang, disk.sizeGiB * bytesPerGiB),
        }),
      ),
  ]);
  const [only] = guests;
  return (
    <DangerDialog
      lang={lang}
      id="delete-guests"
      open
      title={countedIn(lang, "guests.page.deleteTitle", guests.length, titleArgs(guests))}
      post="/guests/batch/delete"
      fields={{ id: guests.map((guest) => guest.uuid) }}
      victims={victims}
      survivors={[
        ...(dataDisks.length > 0 ? [t("guests.page.keptData")] : []),
        t("guests.page.keptTemplate"),
      ]}
      confirm={countedIn(lang, "guests.page.delete", guests.length)}
      typeName={guests.length === 1 && only ? only.name : String(guests.length)}
    >
      {dataDisks.length > 0 ? (
        <Checkbox
          name="takeData"
          label={t("guests.page.takeData")}
          hint={dataDisks
            .map((disk) =>
              t("guests.page.victimDisk", { disk: disk.name, size: bytes(lang, disk.sizeGiB * bytesPerGiB) }),
            )
            .join("; ")}
        />
      ) : null}
    </DangerDialog>
  );
}

/** Forcing loses what the guest has not written yet. */
export async function forceDialog(
  action: "force-stop" | "force-reboot",
  uuids: readonly string[],
  viewer: Viewer,
  needs: PageNeeds,
) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const guests = (await detailsOf(uuids, needs)).filter((guest) => allows(guest.state, action));
  if (guests.length === 0) throw new AppError("conflict", "guests.page.nothingFits");
  const stop = action === "force-stop";
  return (
    <DangerDialog
      lang={lang}
      id="force-guests"
      open
      title={
        stop
          ? countedIn(lang, "guests.page.forceStopTitle", guests.length, titleArgs(guests))
          : t("guests.page.forceRebootTitle", titleArgs(guests))
      }
      post={`/guests/batch/${action}`}
      fields={{ id: guests.map((guest) => guest.uuid) }}
      victims={guests.map((guest) => t("guests.page.unsaved", { name: guest.name }))}
      survivors={[t("guests.page.keptDisks")]}
      confirm={stop ? countedIn(lang, "guests.page.forceStop", guests.length) : t("guests.page.forceReboot")}
    />
  );
}

const editForm = "guest-edit";

export function editDialog(guest: GuestDetail, viewer: Viewer) {
  const lang = viewer.language;
  return (
    <Dialog
      lang={lang}
      id="edit-guest"
      open
      title={wordsOf(lang)("guests.page.edit", { name: guest.name })}
      actions={
        <Button kind="primary" type="submit" formId={editForm}>
          {say(lang, "action.save")}
        </Button>
      }
    >
      {editFormOf(guest, viewer, null)}
    </Dialog>
  );
}

/** The form inside the dialog: also the answer to a refused post. */
export function editFormOf(guest: GuestDetail, viewer: Viewer, tried: TriedForm | null) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const field = (name: keyof typeof ChangeGuest.properties) => {
    return {
      name,
      ...constraintsOf(ChangeGuest, name),
      value: typedIn(tried, name) ?? guest[name],
      error: errorIn(tried, name, viewer),
    };
  };
  const fixed = !allows(guest.state, "edit");
  const { step: _, ...vcpus } = field("vcpus");
  const { step: __, ...memory } = field("memoryMiB");
  return (
    <Form
      id={editForm}
      action={`${hrefOf(guest.uuid)}/edit`}
      check="/check/guest-edit"
      csrf={viewer.csrf}
      extra={{ "data-closes": "edit-guest" }}
    >
      <Refusal tried={tried} viewer={viewer}>
        <p class="hint">{t("guests.page.editHint")}</p>
      </Refusal>
      <TextInput {...only(field("name"))} label={say(lang, "label.name")} disabled={fixed} />
      <FieldRow>
        <NumberInput {...vcpus} lang={lang} label={t("guests.page.vcpus")} disabled={fixed} />
        <NumberInput
          {...memory}
          lang={lang}
          label={t("guests.page.memory")}
          unit={say(lang, "unit.mib")}
          disabled={fixed}
        />
      </FieldRow>
      <TextInput {...only(field("remark"))} label={t("guests.page.remark")} />
    </Form>
  );
}

/** Text fields know nothing of numbers' limits. */
function only<T extends { min?: number; max?: number; step?: number | "any" }>(
  field: T,
): Omit<T, "min" | "max" | "step"> {
  const { min: _, max: __, step: ___, ...rest } = field;
  return rest;
}
