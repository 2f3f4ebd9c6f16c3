/** Runs a program, in this folder unless told where, and collects what it prints. */
export async function run(
  command: string[],
  cwd: string = process.cwd(),
): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}
