/** The page of what is queued, on a real controller. */
import { expect, test } from "bun:test";
import { insert } from "jimv";
import { makeStage } from "../../../tests/support/stage.ts";
import { disksPlugin } from "../disks/index.ts";
import { guestsPlugin } from "../guests/index.ts";
import { nodesPlugin } from "../nodes/index.ts";
import { poolsPlugin } from "../pools/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { templatesPlugin } from "../templates/index.ts";
import { bootJobsPlugin } from "./index.ts";
import { queuedJobs } from "./schema.ts";

test("it has all that is pending, on as many pages as that needs", async () => {
  const stage = await makeStage([
    tasksPlugin,
    nodesPlugin,
    poolsPlugin,
    templatesPlugin,
    disksPlugin,
    guestsPlugin,
    bootJobsPlugin,
  ]);
  try {
    const count = 230;
    const rows = Array.from({ length: count }, (_, at) => ({
      id: `q-${at}`,
      guestUuid: `guest-${at}`,
      jobId: "job",
      jobName: "Job",
      pendingKey: "job",
      state: "pending" as const,
      position: 0,
      boots: 0,
      actor: "person:ada",
      queuedAt: at,
      expiresAt: null,
      endedAt: null,
      log: null,
      failedWord: null,
      failedArgs: null,
    }));
    await stage.store.run(insert(queuedJobs, rows));
    const reader = await stage.token("reader");
    const page = async (n: number) => {
      const text = await (await reader.ask(`/boot-jobs/queue?page=${n}`)).text();
      return { text, shown: [...text.matchAll(/id="queued-q-(\d+)"/g)].map(([, at]) => Number(at)) };
    };
    const first = await page(1);
    expect([first.shown.length, first.shown[0]]).toEqual([50, 229]);
    expect(first.text).toContain("1–50 of 230");
    expect(first.text).toContain('href="/boot-jobs/queue?page=2"');
    const last = await page(5);
    expect([last.shown.length, last.shown.at(-1)]).toEqual([30, 0]);
    // What stood beyond may have been carried out meanwhile.
    expect((await page(9)).shown).toEqual(last.shown);
    expect(last.text).toContain(encodeURIComponent("boot-queue:page=5"));
  } finally {
    await stage.stop();
  }
});
