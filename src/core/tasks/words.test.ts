import { expect, test } from "bun:test";
import { Glob } from "bun";
import { hypervisorErrors } from "../libvirt/hypervisor.ts";
import { taskWords } from "./words.ts";

const keys = new Set<string>(taskWords.keys);

test("every hypervisor error has a text that shows the detail", () => {
  for (const code of Object.keys(hypervisorErrors)) {
    expect([...keys]).toContain(`hypervisor.${code}`);
    if (code === "cancelled") continue;
    for (const language of ["en", "zh-CN"] as const)
      expect(taskWords.say(language, `hypervisor.${code}` as never, { detail: "DETAIL" })).toContain(
        "DETAIL",
      );
  }
});

test("every task word that core uses has a text", async () => {
  // Kinds of report look the same but are no words.
  const reports = ["task.started", "task.progress", "task.ended", "task.cleaned"];
  const used = new Set<string>();
  for await (const path of new Glob("*.ts").scan(import.meta.dir)) {
    if (path.endsWith(".test.ts") || path === "words.ts") continue;
    const text = await Bun.file(`${import.meta.dir}/${path}`).text();
    for (const [, word] of text.matchAll(/"(task\.[A-Za-z.]+)"/g)) if (word) used.add(word);
  }
  expect(used.size).toBeGreaterThan(10);
  expect([...used].filter((word) => !keys.has(word) && !reports.includes(word))).toEqual([]);
});
