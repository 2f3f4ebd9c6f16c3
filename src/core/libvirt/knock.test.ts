import { expect, test } from "bun:test";
import { HypervisorError } from "./hypervisor.ts";
import { knock } from "./knock.ts";

const outcome = (uri: string): Promise<string> =>
  knock(uri).then(
    () => "listens",
    (error: unknown) =>
      error instanceof HypervisorError ? `${error.code}: ${error.message}` : String(error),
  );

test("who listens is found, who does not is said at once with what to do, and other transports pass", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  expect(await outcome(`qemu+tls://127.0.0.1:${port}/system`)).toBe("listens");
  server.stop(true);
  const refused = await outcome(`qemu+tls://127.0.0.1:${port}/system`);
  expect(refused).toStartWith("peerUnreachable: ");
  expect(refused).toContain(`port ${port}`);
  expect(refused).toContain("libvirtd-tls.socket");
  expect(await outcome(`qemu+tcp://127.0.0.1:${port}/system`)).not.toContain("tls.socket");
  for (const uri of ["qemu+ssh://127.0.0.1/system", "qemu:///system", "test:///default"])
    expect(await outcome(uri)).toBe("listens");
});
