/**
 * XML in and out through one library. Two ways to read: `readXml` gives a plain object for looking things
 * up, `parseTree`/`writeTree` keep order, comments and unknown elements for changing a document in place.
 */

import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { HypervisorError } from "./hypervisor.ts";

/** An attribute's key in `writeXml` and `readXml`: `{ [at("type")]: "kvm" }`. */
export function at<Name extends string>(name: Name): `@_${Name}` {
  return `@_${name}`;
}

const reading = {
  ignoreAttributes: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: true,
  htmlEntities: true, // libxml2 writes text it does not know the encoding of as &#…;
} as const;

const writing = {
  ignoreAttributes: false,
  processEntities: true,
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
} as const;

/** What `writeXml` takes: attributes under `at(name)`, text under `#text`, repeated elements as arrays. */
export type XmlValue = string | number | XmlElement | readonly XmlValue[] | undefined;
export interface XmlElement {
  readonly [key: string]: XmlValue;
}

const builder = new XMLBuilder({ ...writing, attributeNamePrefix: "@_", format: true });

/** A whole document from plain objects; everything is escaped. `undefined` members are left out. */
export function writeXml(document: XmlElement): string {
  return builder.build(withoutUndefined(document));
}

function withoutUndefined(value: XmlValue): XmlValue {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, withoutUndefined(member)]),
  );
}

const reader = new XMLParser({ ...reading, attributeNamePrefix: "@_" });

/** A read document, walked with `path`, `all` and `text`. */
export type Xml = unknown;

/**
 * A document as plain objects.
 * @param parser reads only a part of it, where that matters; see `partialReader`
 * @throws HypervisorError internal when it is no XML
 */
export function readXml(xml: string, parser: XMLParser = reader): Xml {
  try {
    return parser.parse(xml, parser === reader);
  } catch (error) {
    throw new HypervisorError("internal", `libvirt handed out XML that can't be read: ${String(error)}`);
  }
}

/** A parser that leaves what is inside this path (`domain.devices`) unread, for documents read in great numbers. */
export function partialReader(skip: string): XMLParser {
  return new XMLParser({ ...reading, attributeNamePrefix: "@_", stopNodes: [skip] });
}

/** All elements of this path below a node; none is an empty list. */
export function all(node: Xml, ...path: string[]): Xml[] {
  let nodes: Xml[] = [node];
  for (const step of path) {
    nodes = nodes.flatMap((parent) => {
      if (typeof parent !== "object" || parent === null) return [];
      const child = (parent as Record<string, Xml>)[step];
      if (child === undefined) return [];
      return Array.isArray(child) ? child : [child];
    });
  }
  return nodes;
}

/** The text of the first element (or attribute, with `at(name)` as the last step) of this path. */
export function text(node: Xml, ...path: string[]): string | null {
  const first = all(node, ...path)[0];
  if (typeof first === "string") return first;
  if (typeof first === "object" && first !== null && "#text" in first) return String(first["#text"]);
  return first === undefined ? null : "";
}

/** An ordered tree: each node is one key (the element's name, or #text) and perhaps `:@`, its attributes. */
export type TreeNode = { [name: string]: TreeNode[] | string } & { ":@"?: Record<string, string> };

const kept = {
  preserveOrder: true,
  attributeNamePrefix: "",
  commentPropName: "#comment",
  cdataPropName: "#cdata",
};
const treeReader = new XMLParser({ ...reading, ...kept });
const treeBuilder = new XMLBuilder({ ...writing, ...kept });

/** @throws HypervisorError internal when it is no XML */
export function parseTree(xml: string): TreeNode[] {
  try {
    return treeReader.parse(xml, true) as TreeNode[];
  } catch (error) {
    throw new HypervisorError("internal", `libvirt handed out XML that can't be read: ${String(error)}`);
  }
}

export function writeTree(tree: TreeNode[]): string {
  return treeBuilder.build(tree);
}

/** The children of the first element of this path; null when there is none. */
export function children(tree: TreeNode[], ...path: string[]): TreeNode[] | null {
  let nodes: TreeNode[] = tree;
  for (const step of path) {
    const found = nodes.find((node) => Array.isArray(node[step]));
    const inside = found?.[step];
    if (!Array.isArray(inside)) return null;
    nodes = inside;
  }
  return nodes;
}

/** The elements of a name among these nodes. */
export function elements(nodes: TreeNode[], name: string): TreeNode[] {
  return nodes.filter((node) => Array.isArray(node[name]));
}

/** The element's attributes, to read and to change. */
export function attributes(node: TreeNode): Record<string, string> {
  node[":@"] ??= {};
  return node[":@"];
}

/** A new element for a tree. */
export function element(name: string, attributes: Record<string, string>, inside: TreeNode[] = []): TreeNode {
  return { [name]: inside, ":@": attributes } as TreeNode;
}

/** Text for a tree. */
export function textNode(value: string): TreeNode {
  return { "#text": value } as TreeNode;
}

// XML 1.0 can't hold these at all, and a line break in a name or path is always a mistake.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const forbidden = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/u;

/**
 * Foreign text that may go into a document.
 * @throws HypervisorError invalid when it holds characters that XML can't, or breaks lines
 */
export function plainText(value: string, what: string, maxBytes = 4096): string {
  if (forbidden.test(value)) {
    throw new HypervisorError("invalid", `${what} holds a control character: use printable characters only.`);
  }
  if (value.trim() === "" || Buffer.byteLength(value) > maxBytes) {
    throw new HypervisorError("invalid", `${what} must be 1 to ${maxBytes} bytes long and not blank.`);
  }
  return value;
}
