/**
 * A whole small world for a test: libvirtd and its guests in a network of their own, and JimV outside of it, which
 * reaches the guests' screens over a pair of virtual cables. So that tests beside each other, and the machine's own
 * libvirtd, share no bridge, no firewall rule and no port. It all goes with the namespace.
 */
import { App, type AppOptions } from "./app.ts";
import { PrivateLibvirtd } from "./libvirtd.ts";
import { run } from "./processes.ts";

export interface Lab {
  libvirtd: PrivateLibvirtd;
  app: App;
  /** Where libvirtd's network reaches this one. */
  outside: string;
  close(): Promise<void>;
}

/** Opens both. With a finished set-up the node is ready, and guests' screens can be reached. */
export async function openLab(options: Omit<AppOptions, "libvirtUri"> = {}): Promise<Lab> {
  const libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
  let app: App | null = null;
  try {
    const address = await cable(libvirtd);
    app = await App.open({ ...options, libvirtUri: libvirtd.uri });
    const opened = app;
    if (options.setUp !== false) await screensAt(opened, address);
    return {
      libvirtd,
      app,
      outside: address.replace(/\d+$/, (last) => String(Number(last) - 1)),
      async close() {
        await opened.close();
        await libvirtd.close();
      },
    };
  } catch (error) {
    await app?.close();
    await libvirtd.close();
    throw error;
  }
}

/** Waits for the node, and lets its guests' screens listen where JimV reaches them. */
export async function screensAt(app: App, address: string): Promise<void> {
  await app.nodeReady();
  await app.ask("PATCH", `/nodes/${app.nodeName}`, { managementAddress: address });
}

/** Lays a cable between this network and libvirtd's; the address at its far end. */
export async function cable(libvirtd: PrivateLibvirtd): Promise<string> {
  const outside = `jv${libvirtd.pid}`;
  const inside = "jimv-out";
  // A quarter of 10/8 in pieces of four addresses, by the process: tests at the same time differ.
  const piece = libvirtd.pid % 2 ** 20;
  const address = (host: number): string => {
    const number = piece * 4 + host;
    return `10.${192 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
  };
  await run([
    "ip",
    "link",
    "add",
    outside,
    "type",
    "veth",
    "peer",
    "name",
    inside,
    "netns",
    `${libvirtd.pid}`,
  ]);
  await run(["ip", "addr", "add", `${address(1)}/30`, "dev", outside]);
  await run(["ip", "link", "set", outside, "up"]);
  await run(libvirtd.inNamespace(["ip", "addr", "add", `${address(2)}/30`, "dev", inside]));
  await run(libvirtd.inNamespace(["ip", "link", "set", inside, "up"]));
  return address(2);
}
