import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, isLoopback, loadConfig, parseListen } from "./config.ts";
import { storeConnection } from "./connections.ts";

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

describe("storeConnection", () => {
  const connection = (text: string) => storeConnection(loadConfig({ file: file(text) }, {}));

  test("is the data folder's SQLite, unless something of MySQL is given", () => {
    expect(connection('data = "/d"\n')).toEqual({ kind: "sqlite", path: "/d/jimv.sqlite" });
    expect(connection('[store]\nurl = "mysql://me@[fd00::1]:33/x"\n')).toMatchObject({
      kind: "mysql",
      host: "fd00::1",
      port: 33,
      user: "me",
      database: "x",
      password: "",
    });
    const secret = file("p w\n");
    expect(connection(`[store]\nhost = "db"\npasswordFile = "${secret}"\n`)).toMatchObject({
      host: "db",
      port: 3306,
      user: "jimv",
      database: "jimv",
      password: "p w",
    });
  });

  test.each([
    ['[store]\nkind = "mysql"\n', "store.url"],
    ['[store]\nkind = "sqlite"\nhost = "db"\n', "store.kind"],
    ['[store]\nurl = "http://db"\n', "store.url"],
    ['[store]\nurl = "mysql://u:secret@db"\n', "store.passwordFile"],
    ['[store]\nhost = "db"\npassword = "a"\npasswordFile = "b"\n', "give one of them"],
    ['[store]\nhost = "db"\npasswordFile = "/nowhere/at/all"\n', "store.passwordFile"],
  ])("names the key that is wrong in %j", (text, key) => {
    expect(() => connection(text)).toThrow(ConfigError);
    expect(() => connection(text)).toThrow(key);
  });
});
