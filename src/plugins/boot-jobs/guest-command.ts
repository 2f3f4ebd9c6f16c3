/**
 * A command in the guest's own root. Everything about it lies in the small machine's memory: libguestfs lends its own
 * /dev to what it runs there. So neither the command's values nor what it said stay on the guest's disk, wherever it is
 * broken off, and nothing that the guest put on its disk is read in their place.
 */
import { timing } from "jimv";
import type { CommandEnd, GuestCommand } from "./appliance.ts";

const folder = "/dev/jimv-boot-job";
/** Longest output of a command that is kept; of more, its end. */
const outputBytes = 4000;
/** guestfish reads lines of 8 KiB; a byte takes up to eight characters of one, and so may those of a name. */
const stagedBytes = 800;
const stagedNameBytes = 100;

/**
 * Runs a program with its arguments in the guest's root: words apart by spaces, single quotes around those that have
 * some. Resolves with what it printed, rejects when it fails.
 */
type Run = (words: string, ms?: number) => Promise<string>;

/** @throws ApplianceError when the small machine fails; the command's own failure is its exit code */
export async function runInGuest({ text, values }: GuestCommand, run: Run): Promise<CommandEnd> {
  const staged = { ...values, command: `${text}\n`, run: runner(Object.keys(values)) };
  await run(`/bin/sh -c 'rm -rf ${folder}; mkdir -m 700 ${folder}'`);
  for (const pieces of inLines(staged))
    await run(
      `/bin/sh -c 'while [ $# -gt 1 ]; do printf %b "$2" >>"$0/$1"; shift 2; done' ${folder} ${pieces.join(" ")}`,
    );
  await run(`/bin/sh ${folder}/run`, timing.applianceScriptMilliseconds);
  const [, code = "", output = ""] =
    /^(\d*)\n?(.*)$/s.exec(await run(`/bin/sh -c 'cat ${folder}/code ${folder}/output; rm -rf ${folder}'`)) ??
    [];
  // The guest's own `tail` need not have kept to it.
  return { code: Number.parseInt(code, 10), output: output.slice(-outputBytes) };
}

/**
 * Texts by their names, in as many lines as they need: a name and, byte for byte, a piece of its text after the other. As
 * octal numbers, in which nothing means anything to a shell; `\c` prints nothing.
 */
function inLines(texts: Readonly<Record<string, string>>): string[][] {
  const lines: string[][] = [[]];
  let left = stagedBytes;
  for (const [name, text] of Object.entries(texts)) {
    const bytes = Buffer.from(text);
    for (let at = 0; at === 0 || at < bytes.length; ) {
      if (left <= stagedNameBytes) {
        lines.push([]);
        left = stagedBytes;
      }
      const piece = bytes.subarray(at, at + left - stagedNameBytes);
      const octal = [...piece].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
      lines.at(-1)?.push(name, octal === "" ? "\\c" : octal);
      left -= stagedNameBytes / 4 + piece.length;
      at += Math.max(1, piece.length);
    }
  }
  return lines;
}

/**
 * Gives the command its values, each read from its file byte for byte (the `x` keeps line ends at the end), and keeps
 * what it says and its exit code. Only names of ours stand in it.
 */
function runner(names: readonly string[]): string {
  const seconds = timing.bootCommandMilliseconds / 1000;
  const exports = names.map(
    (own) => `${own}=$(cat ${folder}/${own}; printf x); export ${own}; ${own}=\${${own}%x}`,
  );
  return [
    "#!/bin/sh",
    "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root",
    ...exports,
    // Where the guest has no `timeout`, the session's own limit ends the command.
    `limit=; command -v timeout >/dev/null 2>&1 && limit="timeout ${seconds}"`,
    `cd / && $limit /bin/sh ${folder}/command >${folder}/all 2>&1 </dev/null`,
    `echo $? >${folder}/code`,
    `tail -c ${outputBytes} ${folder}/all >${folder}/output`,
    "exit 0",
    "",
  ].join("\n");
}
