/** `jimv audit` beside a running program. */
import { type App, executable } from "./app.ts";

export interface Audited {
  findings: { word: string; text: string }[];
  doubts: { word: string }[];
  seen: { nodes: number; guests: number; disks: number; domains: number; files: number };
}

export async function audit(app: App): Promise<{ status: number; told: Audited }> {
  const child = Bun.spawn([executable, "audit", "--json", "--data", app.data], {
    env: app.environment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  return { status: await child.exited, told: JSON.parse(text) as Audited };
}
