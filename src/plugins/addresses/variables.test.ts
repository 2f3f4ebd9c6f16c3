import { expect, test } from "bun:test";
import type { Guest } from "../guests/index.ts";
import { addressVariables, valuesOf } from "./variables.ts";

const both = {
  addresses: ["192.0.2.7/26", "2001:db8::7/64"],
  gateways: ["2001:db8::1", "192.0.2.1"],
  dns: ["2001:db8::53", "192.0.2.53", "192.0.2.54"],
};

test("of a guest with both families the IPv4 ones count, each with its own", () => {
  expect(valuesOf(both)).toEqual({
    ip: "192.0.2.7",
    prefix: "26",
    netmask: "255.255.255.192",
    gateway: "192.0.2.1",
    dns1: "192.0.2.53",
    dns2: "192.0.2.54",
  });
  expect(valuesOf({ addresses: ["2001:db8::7/64"], gateways: [], dns: [] })).toMatchObject({
    ip: "2001:db8::7",
    prefix: "64",
    gateway: "",
  });
  expect(valuesOf({ addresses: [], gateways: [], dns: [] })).toBeNull();
});

test("a guest that is being booked is not looked up, and one without an address has no values", async () => {
  const asked: string[] = [];
  const variables = addressVariables({
    async values(uuid) {
      asked.push(uuid);
      return uuid === "known" ? valuesOf(both) : null;
    },
  });
  const said = (name: string, uuid: string, made?: Parameters<(typeof variables)[0]["value"]>[1]) =>
    variables.find((each) => each.name === name)?.value({ uuid } as Guest, made);
  expect(variables.map(({ name }) => name)).toEqual(["IP", "PREFIX", "NETMASK", "GATEWAY", "DNS1", "DNS2"]);
  expect(await said("IP", "new", { interfaces: [], addressing: both })).toBe("192.0.2.7");
  expect(await said("GATEWAY", "new", { interfaces: [], addressing: null })).toBeNull();
  expect(asked).toEqual([]);
  expect(await said("NETMASK", "known")).toBe("255.255.255.192");
  expect(await said("NETMASK", "unknown")).toBeNull();
});
