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
/** guestfish reads lines of 8 KiB, and a byte takes up to eight characters of one. */
const stagedBytes = 800;

/**
 * Runs a program with its arguments in the guest's root: words apart by spaces, single quotes around those that have
 * some. Resolves with what it printed, rejects when it fails.
 */
type Run = (words: string, ms?: number) => Promise<string>;

/** @throws ApplianceError when the small machine fails; the command's own failure is its exit code */
export async function runInGuest({ text, values }: GuestCommand, run: Run): Promise<CommandEnd> {
  const names = Object.keys(values);
  await run(`/bin/sh -c 'rm -rf ${folder}; mkdir -m 700 ${folder}'`);
  for (const name of names) await stage(name, values[name] ?? "", run);
  await stage("command", `${text}\n`, run);
  await stage("run", runner(names), run);
  await run(`/bin/sh ${folder}/run`, timing.applianceScriptMilliseconds);
  const code = Number.parseInt(await run(`/bin/sh -c 'cat ${folder}/code'`), 10);
  // The guest's own `tail` need not have kept to it.
  const output = (await run(`/bin/sh -c 'cat ${folder}/output'`)).slice(-outputBytes);
  await run(`/bin/sh -c 'rm -rf ${folder}'`);
  return { code, output };
}

/** Puts a text there, byte for byte: as octal numbers, in which nothing means anything to a shell. */
async function stage(name: string, text: string, run: Run): Promise<void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at === 0 || at < bytes.length; at += stagedBytes) {
    const octal = [...bytes.subarray(at, at + stagedBytes)].map(
      (byte) => `\\0${byte.toString(8).padStart(3, "0")}`,
    );
    await run(`/bin/sh -c 'printf %b "$1" >>"$0"' ${folder}/${name} ${octal.join("")}`);
  }
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
