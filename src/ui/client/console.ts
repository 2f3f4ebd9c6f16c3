/** The console's own script: noVNC on a fresh ticket for each connection, and the thin bar's buttons. */
import RFB from "@novnc/novnc";

const byId = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the console page has no #${id}`);
  return element;
};
const screen = byId("screen");
const state = byId("console-state");
const lamp = document.querySelector<HTMLElement>("[data-lamp]");
const longestPauseMs = 5000;

let rfb: RFB | null = null;
let tries = 0;
let scaled = true;

function show(lampState: "live" | "connecting" | "lost", text = ""): void {
  if (lamp) lamp.dataset.lamp = lampState;
  state.textContent = text;
}

class Refusal extends Error {}

/** A ticket is good for one connection and some seconds. @throws Refusal with the server's reason */
async function ticket(): Promise<{ ticket: string; password: string }> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  const response = await fetch(screen.dataset.ticketUrl ?? "", {
    method: "POST",
    headers: { "X-CSRF-Token": token, Accept: "application/json" },
  });
  if (response.ok) return response.json();
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null;
  throw new Refusal(problem?.detail ?? String(response.status));
}

async function connect(): Promise<void> {
  try {
    const { ticket: key, password } = await ticket();
    const url = new URL(screen.dataset.socketUrl ?? "", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", key);
    const connection = new RFB(screen, url.href, { credentials: { password }, shared: true });
    rfb = connection;
    connection.scaleViewport = scaled;
    connection.background = "#000";
    connection.addEventListener("connect", () => {
      tries = 0;
      show("live", screen.dataset.connected);
      connection.focus();
    });
    connection.addEventListener("disconnect", () => {
      rfb = null;
      again(screen.dataset.reconnecting);
    });
  } catch (error) {
    const refused = error instanceof Refusal;
    again(refused ? screen.dataset.refused?.replace("{reason}", error.message) : screen.dataset.reconnecting);
  }
}

/** A guest that is off refuses, too: we go on asking, so that its screen comes when it starts. */
function again(text?: string): void {
  show("lost", text);
  setTimeout(() => void connect(), Math.min(longestPauseMs, 400 * 2 ** tries++));
}

/** X11 keysyms: Latin-1 as it is, the rest of Unicode above 0x01000000. */
function keysym(character: string): number {
  if (character === "\n") return 0xff0d;
  if (character === "\t") return 0xff09;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? code : 0x01000000 + code;
}

const shiftKey = 0xffe1;
/** What a US keyboard needs Shift for; guests see keys, not characters. */
const shifted = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function type(text: string): Promise<void> {
  for (const character of text.replaceAll("\r\n", "\n")) {
    if (!rfb) return;
    const shift = shifted.test(character);
    if (shift) rfb.sendKey(shiftKey, "ShiftLeft", true);
    rfb.sendKey(keysym(character), null);
    if (shift) rfb.sendKey(shiftKey, "ShiftLeft", false);
    // Small guests lose keys that come faster.
    await pause(15);
  }
}

byId("console-cad").addEventListener("click", () => {
  rfb?.sendCtrlAltDel();
  rfb?.focus();
});
byId("console-scale").addEventListener("click", ({ currentTarget }) => {
  scaled = !scaled;
  (currentTarget as HTMLElement).setAttribute("aria-pressed", String(scaled));
  if (rfb) {
    rfb.scaleViewport = scaled;
  }
});
byId("console-full").addEventListener("click", () => {
  void (document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen());
});
const dialog = byId("paste-dialog") as HTMLDialogElement;
const area = byId("paste-text") as HTMLTextAreaElement;
byId("console-paste").addEventListener("click", () => {
  dialog.showModal();
  area.focus();
});
byId("paste-type").addEventListener("click", () => {
  const text = area.value;
  area.value = "";
  dialog.close();
  rfb?.focus();
  void type(text);
});
for (const button of dialog.querySelectorAll("[data-close]"))
  button.addEventListener("click", () => dialog.close());
window.addEventListener("beforeunload", () => rfb?.disconnect());

show("connecting", screen.dataset.connecting);
void connect();
