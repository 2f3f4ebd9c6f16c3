/** `jimv audit`: whether store, nodes and files tell the same story, while the program runs. */
import { realClock } from "../core/clock.ts";
import type { Config } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { stderrLog } from "../core/log/log.ts";
import { LocalRoad } from "../core/road/local.ts";
import type { AuditResult } from "../plugins/audit/index.ts";
import { auditService } from "../plugins/program.ts";
import type { CommandSpec } from "./commands.ts";
import { localEnd, makeControllerSide } from "./controller-side.ts";
import { configOf } from "./options.ts";

/** Nothing is wrong, something is, and nothing was found but not everything could be looked at. */
const exitCodes = { well: 0, wrong: 1, doubtful: 3 } as const;

export const auditCommand: CommandSpec = {
  name: "audit",
  short: "compare what JimV knows with what is on the nodes",
  long: [
    "Asks every node for its domains and files, and compares them with the store: no task open for ever, no",
    "guest on two nodes, no address, port or file that nobody owns, every guest as its domain. It changes",
    "nothing, and may run at any time on a machine with a controller; what is found is looked at twice, because",
    "the cluster goes on working meanwhile. Exit code 0: all is well; 1: something is wrong; 3: nothing was",
    "found, but not everything could be looked at.",
  ].join("\n"),
  options: { json: { type: "boolean", help: "print the result as JSON" } },
  run: async (options) => audit(configOf(options), options.json === true),
};

async function audit(config: Config, asJson: boolean): Promise<number> {
  const side = await makeControllerSide(config, {
    clock: realClock,
    log: stderrLog("warn"),
    open: async () => localEnd(new LocalRoad(realClock)),
    hasNode: storeConnection(config).kind === "sqlite",
    fingerprint: null,
    // The running controller leads, and sends what is asked here.
    leadership: async () => ({ epoch: () => null, onChange: () => () => {} }),
    printCode: () => {},
  });
  try {
    await side.controller.start(side.plugins);
    const result = await side.controller.use(auditService).run();
    const text = ({ word, args }: AuditResult["findings"][number]): string =>
      side.words.say("en", word, args);
    if (asJson) {
      const told = (list: AuditResult["findings"]) => list.map((each) => ({ ...each, text: text(each) }));
      const { findings, doubts, seen } = result;
      console.log(JSON.stringify({ findings: told(findings), doubts: told(doubts), seen }, null, 2));
    } else print(result, text);
    if (result.findings.length > 0) return exitCodes.wrong;
    return result.doubts.length > 0 ? exitCodes.doubtful : exitCodes.well;
  } finally {
    await side.controller.stop();
    await side.store.close();
  }
}

function print(
  { findings, doubts, seen }: AuditResult,
  text: (finding: AuditResult["findings"][number]) => string,
) {
  for (const finding of findings) console.log(`WRONG    ${text(finding)}`);
  for (const doubt of doubts) console.log(`unknown  ${text(doubt)}`);
  const { guests, disks, nodes, domains, files, openTasks } = seen;
  console.log(
    `Compared ${guests} guests and ${disks} disks with ${domains} domains and ${files} files on ${nodes} nodes; ` +
      `${openTasks} tasks are open. ${findings.length === 0 ? "Nothing is wrong." : `${findings.length} things are wrong.`}`,
  );
}
