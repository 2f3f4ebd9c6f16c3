import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, isLoopback, loadConfig, parseListen } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, `${Bun.randomUUIDv7()}.toml`);
  writeFileSync(path, text);
  return path;
}

describe("loadConfig", () => {
  test("command line goes over environment over file over default", () => {
    const path = file(
      'data = "/a"\nlisten = "127.0.0.1:1"\nlogLevel = "warn"\n[libvirt]\nuri = "test:///default"\n',
    );
    const config = loadConfig({ file: path, data: "/c" }, { JIMV_DATA: "/b", JIMV_LISTEN: "127.0.0.1:2" });
    expect(config).toMatchObject({
      data: "/c",
      listenPort: 2,
      logLevel: "warn",
      plugins: "/etc/jimv/plugins",
    });
    expect(config.libvirt.uri).toBe("test:///default");
  });

  test.each([
    ["colour = 1\n", "colour"],
    ['logLevel = "loud"\n', "logLevel"],
    ['[libvirt]\nurl = "x"\n', "libvirt.url"],
    ['listen = "here"\n', "listen"],
    ['[tls]\nkey = "/k"\n', "tls.certificate"],
    ["data = ", "not TOML"],
  ])("names what is wrong in %j", (text, name) => {
    expect(() => loadConfig({ file: file(text) }, {})).toThrow(ConfigError);
    expect(() => loadConfig({ file: file(text) }, {})).toThrow(name);
  });

  test("a named file must exist", () => {
    expect(() => loadConfig({ file: join(folder, "none.toml") }, {})).toThrow(
      "there is no configuration file",
    );
  });
});

test("parseListen reads what people write", () => {
  expect(parseListen("0.0.0.0:80")).toEqual({ address: "0.0.0.0", port: 80 });
  expect(parseListen("[::1]:8008")).toEqual({ address: "::1", port: 8008 });
  expect(parseListen(":8008")).toEqual({ address: "0.0.0.0", port: 8008 });
  for (const bad of ["", "x", "1:2:3", "a:99999", "a:-1"])
    expect(() => parseListen(bad)).toThrow(ConfigError);
});

test("isLoopback", () => {
  expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "10.0.0.1", "::"].some(isLoopback)).toBe(false);
});
