import { expect, test } from "bun:test";
import { cephSecretXml, poolXml, rbdPoolXml } from "./pool.ts";

const spec = {
  name: "jimv-pool-x",
  monitors: ["mon-1", "192.0.2.7:6789", "[2001:db8::1]:3300"],
  cephPool: "guests",
  user: "jimv",
  secretUuid: "2f1b7f0e-2a52-4c59-9a0c-6b1f2d1e7a10",
};

test("a Ceph pool names its monitors, its user and the secret, never the key", () => {
  expect(rbdPoolXml(spec).trim()).toBe(`<pool type="rbd">
  <name>jimv-pool-x</name>
  <source>
    <name>guests</name>
    <host name="mon-1"/>
    <host name="192.0.2.7" port="6789"/>
    <host name="2001:db8::1" port="3300"/>
    <auth type="ceph" username="jimv">
      <secret uuid="2f1b7f0e-2a52-4c59-9a0c-6b1f2d1e7a10"/>
    </auth>
  </source>
</pool>`);
  expect(cephSecretXml(spec.secretUuid, spec.name)).toContain('<usage type="ceph">');
});

test("text that is no monitor is refused, and what is XML is escaped", () => {
  expect(() => rbdPoolXml({ ...spec, monitors: [] })).toThrow("at least one monitor");
  expect(() => rbdPoolXml({ ...spec, monitors: ["a:b:c"] })).toThrow("host or host:port");
  expect(rbdPoolXml({ ...spec, cephPool: "<&>" })).toContain("&lt;&amp;&gt;");
  expect(() => poolXml("x", "relative")).toThrow("slash");
});
