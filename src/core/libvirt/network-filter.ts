/**
 * What a guest's network interface may send: libvirt's network filters from a typed description, and the reference
 * to one in a domain's definition. Pure; `filters.ts` makes the calls.
 */
import { HypervisorError } from "./hypervisor.ts";
import {
  at,
  attributes,
  children,
  element,
  elements,
  parseTree,
  plainText,
  type TreeNode,
  writeTree,
  writeXml,
} from "./xml.ts";

/** One rule. Those of a filter are looked at by priority, the lowest first; the first that matches decides. */
export interface FilterRule {
  action: "accept" | "drop";
  /** As the guest sees it: `out` is what it sends. */
  direction: "in" | "out" | "inout";
  /** −1000 to 1000. */
  priority: number;
  /** Null matches every frame. Values may name the filter's parameters: `$IP` matches each value that it has. */
  match: {
    protocol: "mac" | "arp" | "ip" | "ipv6";
    /** libvirt's own names. */
    fields: Readonly<Record<string, string>>;
    /** Matches what the fields don't say. */
    not?: boolean;
  } | null;
}

/** A filter as libvirt keeps it. The uuid never changes: by it libvirt knows a new version of the same filter. */
export interface NetworkFilter {
  name: string;
  uuid: string;
  rules: readonly FilterRule[];
}

/** Which filter an interface is under, with the values of its parameters; a name with several values comes often. */
export interface InterfaceFilter {
  name: string;
  parameters: { name: string; value: string }[];
}

/** What a machine lacks to filter: the part of libvirt that does it, or the program that this part runs. */
export type FilterLack = "driver" | "ebtables";

/** @throws HypervisorError invalid */
export function filterXml({ name, uuid, rules }: NetworkFilter): string {
  return writeXml({
    filter: {
      [at("name")]: plainText(name, "A filter's name", 200),
      [at("chain")]: "root",
      uuid: plainText(uuid, "A filter's uuid"),
      rule: rules.map(({ action, direction, priority, match }) => ({
        [at("action")]: action,
        [at("direction")]: direction,
        [at("priority")]: priority,
        ...(match
          ? {
              [match.protocol]: {
                ...(match.not ? { [at("match")]: "no" } : {}),
                ...Object.fromEntries(
                  Object.entries(match.fields).map(([field, value]) => [
                    at(field),
                    plainText(value, "A filter's value"),
                  ]),
                ),
              },
            }
          : {}),
      })),
    },
  });
}

/** The part of an interface's definition that puts it under a filter. @throws HypervisorError invalid */
export function filterReference({ name, parameters }: InterfaceFilter) {
  return {
    [at("filter")]: plainText(name, "A filter's name", 200),
    parameter: parameters.map((parameter) => ({
      [at("name")]: plainText(parameter.name, "A parameter's name"),
      [at("value")]: plainText(parameter.value, "A parameter's value"),
    })),
  };
}

function referenceNode({ name, parameters }: InterfaceFilter): TreeNode {
  return element(
    "filterref",
    { filter: plainText(name, "A filter's name", 200) },
    parameters.map((parameter) =>
      element("parameter", {
        name: plainText(parameter.name, "A parameter's name"),
        value: plainText(parameter.value, "A parameter's value"),
      }),
    ),
  );
}

/** In an order that does not matter, since libvirt does not keep that of values of different names. */
function known({ name, parameters }: InterfaceFilter): string {
  return JSON.stringify([name, ...parameters.map((each) => `${each.name}=${each.value}`).sort()]);
}

function filterOf(inside: TreeNode[]): InterfaceFilter | null {
  const [reference] = elements(inside, "filterref");
  if (!reference) return null;
  return {
    name: attributes(reference).filter ?? "",
    parameters: elements(reference.filterref as TreeNode[], "parameter").map((node) => {
      const { name = "", value = "" } = attributes(node);
      return { name, value };
    }),
  };
}

/** The same filter with the same values, or none in both. */
export const isSameFilter = (one: InterfaceFilter | null, other: InterfaceFilter | null): boolean =>
  one === null || other === null ? one === other : known(one) === known(other);

/**
 * A definition whose interface of this MAC address is under this filter, or under none.
 * @returns null where it is so already, else the whole document and the interface alone
 * @throws HypervisorError notFound when there is no such interface
 */
export function patchFilter(
  xml: string,
  mac: string,
  filter: InterfaceFilter | null,
): { document: string; interface: string } | null {
  const tree = parseTree(xml);
  const card = elements(children(tree, "domain", "devices") ?? [], "interface").find((node) =>
    elements(node.interface as TreeNode[], "mac").some((each) => attributes(each).address === mac),
  );
  if (!card) throw new HypervisorError("notFound", `The domain has no network interface ${mac}.`);
  const inside = card.interface as TreeNode[];
  if (isSameFilter(filterOf(inside), filter)) return null;
  card.interface = [
    ...inside.filter((node) => !("filterref" in node)),
    ...(filter ? [referenceNode(filter)] : []),
  ];
  return { document: writeTree(tree), interface: writeTree([card]) };
}
