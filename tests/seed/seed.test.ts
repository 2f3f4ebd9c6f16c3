/** Seed images and password hashes against the programs that others read them with: blkid, isoinfo, openssl. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha512Crypt } from "../../src/core/seed/crypt.ts";
import { isoImage } from "../../src/core/seed/iso.ts";

test("agrees with openssl for short, long and foreign passwords", async () => {
  for (const password of ["x", "correct horse battery staple", "p".repeat(72), "密码🔑\"'`$"]) {
    const openssl = Bun.spawn(["openssl", "passwd", "-6", "-salt", "a.b/C9", "-stdin"], {
      stdin: Buffer.from(`${password}\n`),
      stdout: "pipe",
    });
    const theirs = (await new Response(openssl.stdout).text()).trim();
    expect(sha512Crypt(password, "a.b/C9")).toBe(theirs);
  }
});

const files = [
  { name: "user-data", data: Buffer.from("#cloud-config\n{}\n") },
  { name: "meta-data", data: Buffer.from("名前 ü\n".repeat(700)) },
  { name: "network-config", data: Buffer.from("") },
];

test("is what isoinfo and blkid take for a labelled image with these files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jimv-iso-"));
  try {
    const path = join(folder, "seed.iso");
    await Bun.write(path, isoImage("cidata", files));
    const run = async (...command: string[]): Promise<Buffer> => {
      const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
      const out = Buffer.from(await new Response(child.stdout).arrayBuffer());
      expect(await child.exited).toBe(0);
      return out;
    };
    expect((await run("/usr/sbin/blkid", "-o", "value", "-s", "LABEL", path)).toString().trim()).toBe(
      "cidata",
    );
    expect((await run("/usr/sbin/blkid", "-o", "value", "-s", "TYPE", path)).toString().trim()).toBe(
      "iso9660",
    );
    const listed = (await run("isoinfo", "-J", "-f", "-i", path)).toString().trim().split("\n").sort();
    expect(listed).toEqual(["/meta-data", "/network-config", "/user-data"]);
    for (const file of files)
      expect((await run("isoinfo", "-J", "-i", path, "-x", `/${file.name}`)).equals(file.data)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
