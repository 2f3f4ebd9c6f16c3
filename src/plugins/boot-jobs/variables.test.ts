/** Variables in rules: found, filled, and given to commands as data; the shell itself says whether that holds. */
import { describe, expect, test } from "bun:test";
import { filled, misplacedIn, namesIn, openPartIn, shellName, shellText } from "./variables.ts";

const nasty = `it's "\${HOME}" $(touch /tmp/x); \`id\` & \\ * {IP}\nsecond line`;

describe("variables", () => {
  test("are found by name, once each; the shell's own and doubled braces are none", () => {
    expect(namesIn(`{IP} {IP} {SSH-KEY} \${IP} {{DNS1}} {a} awk '{print}'`)).toEqual(["IP", "SSH-KEY"]);
  });

  test("are filled into files, not again inside of values", () => {
    expect(filled(`a={IP};b={{IP}};c=\${IP}`, { IP: "{IP}$&" })).toBe(`a={IP}$&;b={IP};c=\${IP}`);
    expect(() => filled("{IP}", {})).toThrow("no value for {IP}");
  });

  test("leave out the part of a file whose value is empty", () => {
    const text = "a{?GATEWAY},{GATEWAY}{/GATEWAY}{?DNS1};{DNS1}{?DNS2} {DNS2}{/DNS2}{/DNS1}";
    const values = { GATEWAY: "{?DNS1}", DNS1: "1", DNS2: "" };
    expect(namesIn(text)).toEqual(["GATEWAY", "DNS1", "DNS2"]);
    expect(filled(text, values)).toBe("a,{?DNS1};1");
    expect(filled(text, { ...values, GATEWAY: "", DNS1: "" })).toBe("a");
    expect([openPartIn(text), openPartIn("{?IP}x"), openPartIn("x{/IP}")]).toEqual([null, "IP", "IP"]);
  });

  test("are refused where the shell would not read them", () => {
    expect(misplacedIn("echo '{IP}'")).toEqual({ name: "IP", where: "singleQuotes" });
    expect(misplacedIn("cat <<END\n{IP}\nEND")).toEqual({ name: "IP", where: "hereDocument" });
    expect(misplacedIn(`# don't mind\necho {IP} "it's {IP}" 'x' {IP} \\' {IP}`)).toBeNull();
  });

  test("reach a command as they are, whatever they hold", async () => {
    const script = shellText(
      `printf '%s|' {PASSWORD} "a{PASSWORD}b" x{SSH-KEY}y {{IP}} "$(printf %s {SSH-KEY})"`,
    );
    const run = Bun.spawn(["/bin/sh", "-c", script], {
      env: { [shellName("PASSWORD")]: nasty, [shellName("SSH-KEY")]: "a  b" },
      stdout: "pipe",
    });
    expect(await new Response(run.stdout).text()).toBe(`${nasty}|a${nasty}b|xa  by|{IP}|a  b|`);
    expect(await run.exited).toBe(0);
  });
});
