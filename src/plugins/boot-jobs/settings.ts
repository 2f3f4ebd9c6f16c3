/** The settings of boot jobs; the settings page is made from them. */
import { Type } from "jimv";

export const BootJobSettings = Type.Object({
  pendingMinutes: Type.Integer({
    default: 10,
    minimum: 0,
    maximum: 7 * 24 * 60,
    description: "Minutes after which a queued job is taken back; 0: never",
  }),
  sshKey: Type.String({
    default: "",
    maxLength: 4096,
    pattern: "^((ssh-|ecdsa-|sk-)[\\x20-\\x7e]+)?$",
    description: "The public key that {SSH-KEY} stands for",
  }),
});
