/** Whether another machine's libvirtd listens at all, told at once instead of after libvirt's own long patience. */
import { connect } from "node:net";
import { timing } from "../timing.ts";
import { HypervisorError } from "./hypervisor.ts";

/** Where libvirtd listens for each transport that is a TCP connection of its own (libvirt.org/remote.html). */
const ports: Readonly<Record<string, number>> = { tls: 16_514, tcp: 16_509 };

/**
 * Makes a connection and ends it. URIs of other transports (ssh) are not looked at.
 * @throws HypervisorError peerUnreachable when nobody listens there or nothing answers in time
 */
export function knock(uri: string, milliseconds: number = timing.peerKnockMilliseconds): Promise<void> {
  const url = URL.parse(uri);
  const [, transport = "tls"] = url?.protocol.slice(0, -1).split("+") ?? [];
  const standard = ports[transport];
  if (!url?.hostname || standard === undefined) return Promise.resolve();
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || standard);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const fail = (why: string): void => {
      socket.destroy();
      const mend = transport === "tls" ? " (systemctl enable --now libvirtd-tls.socket on it)" : "";
      reject(
        new HypervisorError(
          "peerUnreachable",
          `nobody listens at ${host}, port ${port}: ${why}; start its libvirtd's listener${mend}`,
        ),
      );
    };
    socket.setTimeout(milliseconds, () => fail(`no answer within ${milliseconds / 1000} s`));
    socket.once("error", (error) => fail(error.message));
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}
