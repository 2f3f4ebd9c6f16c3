/** A TCP proxy that cuts connections: the wire between two programs, in a test's hands. */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface Wire {
  readonly port: number;
  /** Cuts all connections, after so many more bytes towards the server. */
  cut(afterBytes?: number): void;
  /** While true, connections are refused. */
  down: boolean;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `target`. */
export async function openWire(target: number): Promise<Wire> {
  const pairs = new Set<() => void>();
  let budget = Number.POSITIVE_INFINITY;
  const cutAll = (): void => {
    budget = Number.POSITIVE_INFINITY;
    for (const end of [...pairs]) end();
  };
  const wire = { down: false };
  const server: Server = createServer((near: Socket) => {
    if (wire.down) {
      near.destroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    const end = (): void => {
      pairs.delete(end);
      near.destroy();
      far.destroy();
    };
    pairs.add(end);
    for (const socket of [near, far]) socket.on("error", end).on("close", end);
    near.on("data", (data: Buffer) => {
      if (data.length < budget) {
        budget -= data.length;
        far.write(data);
        return;
      }
      far.write(data.subarray(0, budget), cutAll);
    });
    far.on("data", (data) => near.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return Object.assign(wire, {
    port,
    cut(afterBytes = 0) {
      if (afterBytes === 0) cutAll();
      else budget = afterBytes;
    },
    async close() {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}
