/** How a machine joins a cluster: with a one-time token, which it sends to the controller that made it. */
import { networkInterfaces } from "node:os";
import { Value } from "@sinclair/typebox/value";
import type { Clock } from "../core/clock.ts";
import { type Config, ConfigError, dataFiles, isLoopback } from "../core/config/config.ts";
import { makeKeyPair } from "../core/http/certificate.ts";
import type { Log } from "../core/log/log.ts";
import { roadProtocol } from "../core/road/contract.ts";
import { timing } from "../core/timing.ts";
import { NodeKey } from "../core/vault.ts";
import { fingerprintIn, JoinAnswer, type JoinRequest } from "../plugins/program.ts";
import { type Membership, writeMembership } from "./membership.ts";
import { type Answer, addressTowards, parsed, postPinned, WrongCertificate } from "./pinned.ts";
import { version } from "./version.ts";

/** Joining was refused, or did not come about; the message says what to do. */
export class JoinError extends Error {
  override readonly name = "JoinError";
}

export const hashOfToken = (token: string): string =>
  new Bun.CryptoHasher("sha256").update(token).digest("hex");

/** Joins and keeps the membership. @throws JoinError, ConfigError */
export async function joinCluster(
  config: Config,
  how: { url: string; token: string; machineId: string },
  world: { clock: Clock; log: Log },
): Promise<Membership> {
  const { token, machineId } = how;
  const fingerprint = fingerprintIn(token);
  if (fingerprint === undefined)
    throw new JoinError("the token is incomplete: copy it whole from the page of nodes into the file");
  const url = joinUrl(how.url, fingerprint);
  const files = dataFiles(config.data);
  const pair = makeKeyPair();
  const request: JoinRequest = {
    token,
    name: config.node,
    machineId,
    publicKey: NodeKey.open(files.nodeKey).publicKey,
    tlsKey: pair.publicKey,
    address: managementAddress(config) ?? (await addressTowards(url)),
    version,
    protocol: roadProtocol,
  };
  const answer = await askPatiently(url, request, fingerprint, world);
  const membership: Membership = {
    clusterId: answer.clusterId,
    node: answer.name,
    road: answer.road,
    tokenHash: hashOfToken(token),
  };
  const { certificate, authority } = answer;
  writeMembership(files, membership, { certificate, authority, key: pair.key });
  return membership;
}

function joinUrl(text: string, fingerprint: string | null): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new ConfigError(
      `configuration key "join.url" (--join): "${text}" is no address, such as https://10.0.0.1:8008`,
    );
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.protocol === "http:" && !isLoopback(host))
    throw new ConfigError(
      `configuration key "join.url" (--join): give https://${url.host}, so that the token isn't sent in clear text`,
    );
  if (url.protocol === "http:" && fingerprint !== null)
    throw new ConfigError(
      `configuration key "join.url" (--join): the token is for a controller with TLS: give https://${url.host}`,
    );
  return new URL("/api/v1/nodes/join", url);
}

/** The address that was given, or the first of the interface that was. @throws ConfigError */
export function managementAddress(config: Config): string | null {
  const { address, interface: name } = config.management;
  if (address !== undefined || name === undefined) return address ?? null;
  const all = networkInterfaces()[name] ?? [];
  const usable = all.filter((each) => !each.address.toLowerCase().startsWith("fe80:"));
  const found = usable.find((each) => each.family === "IPv4") ?? usable[0];
  if (!found)
    throw new ConfigError(
      `configuration key "management.interface": ${name} has no address; there are ${Object.keys(networkInterfaces()).join(", ")}`,
    );
  return found.address;
}

/** The controller may be restarting, or Redis: asked again for a while. A refusal ends it at once. */
async function askPatiently(
  url: URL,
  request: JoinRequest,
  fingerprint: string | null,
  { clock, log }: { clock: Clock; log: Log },
): Promise<JoinAnswer> {
  const giveUpAt = clock.now() + timing.joinPatienceMilliseconds;
  for (;;) {
    let reason: string;
    try {
      const answer = await ask(url, request, fingerprint);
      if (answer.status < 300 && Value.Check(JoinAnswer, answer.body)) return answer.body;
      reason = reasonOf(answer);
      if (answer.status < 500) throw new JoinError(`${url.host} refuses this machine: ${reason}`);
    } catch (error) {
      if (error instanceof JoinError || error instanceof WrongCertificate) throw error;
      reason = error instanceof Error ? error.message : String(error);
    }
    if (clock.now() >= giveUpAt)
      throw new JoinError(
        `no cluster was joined: ${url.host} does not let this machine in (${reason}). The token stays good: try again.`,
      );
    log.warn("joining does not work yet; it is tried again", { controller: url.host, reason });
    await clock.sleep(timing.joinAgainMilliseconds);
  }
}

async function ask(url: URL, request: JoinRequest, fingerprint: string | null): Promise<Answer> {
  if (fingerprint !== null) return postPinned(url, request, fingerprint);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(request),
    redirect: "error",
    signal: AbortSignal.timeout(timing.joinRequestMilliseconds),
  });
  return { status: response.status, body: parsed(await response.text()) };
}

function reasonOf({ status, body }: Answer): string {
  const detail = typeof body === "object" && body !== null ? Reflect.get(body, "detail") : null;
  return typeof detail === "string" ? detail : `HTTP status ${status}`;
}
