/** The table in which addresses are looked up. Entries may come and go while the program runs. */
import { AppError } from "../errors.ts";
import type { Undo } from "../undo.ts";

interface Node<T> {
  literals: Map<string, Node<T>>;
  param: Node<T> | null;
  leaves: Map<string, Leaf<T>>;
}

interface Leaf<T> {
  value: T;
  names: readonly string[];
}

export type Found<T> =
  | { value: T; params: Record<string, string> }
  /** The address exists, but not for this method. */
  | { allow: string[] };

const newNode = <T>(): Node<T> => ({ literals: new Map(), param: null, leaves: new Map() });

/** Paths as in OpenAPI: `/guests/{uuid}/start`. A literal segment wins over a parameter. */
export class RouteTable<T> {
  private readonly root = newNode<T>();
  private readonly order = new Set<T>();

  /** @throws Error when the method already has this path: two plugins can't own one address */
  add(method: string, path: string, value: T): Undo {
    if (!/^\/(?:[^{}/]+|\{\w+\})?(?:\/(?:[^{}/]+|\{\w+\}))*$/.test(path))
      throw new Error(`route "${method} ${path}" is not a path of literals and {names}`);
    const names: string[] = [];
    let node = this.root;
    for (const segment of segmentsOf(path)) {
      const name = /^\{(\w+)\}$/.exec(segment)?.[1];
      if (name !== undefined) {
        names.push(name);
        node.param ??= newNode();
        node = node.param;
      } else {
        const next = node.literals.get(segment) ?? newNode<T>();
        node.literals.set(segment, next);
        node = next;
      }
    }
    if (node.leaves.has(method)) throw new Error(`route "${method} ${path}" is defined twice`);
    const leaf = { value, names };
    const { leaves } = node;
    leaves.set(method, leaf);
    this.order.add(value);
    return () => {
      if (leaves.get(method) !== leaf) return;
      leaves.delete(method);
      this.order.delete(value);
    };
  }

  /** Null when the address doesn't exist. @throws AppError malformed when it can't be decoded */
  find(method: string, pathname: string): Found<T> | null {
    const segments = segmentsOf(pathname).map(decoded);
    const node = search(this.root, segments, 0, []);
    if (!node) return null;
    const leaf = node.node.leaves.get(method);
    if (!leaf) return { allow: [...node.node.leaves.keys()] };
    const params: Record<string, string> = {};
    for (const [position, name] of leaf.names.entries()) params[name] = node.values[position] ?? "";
    return { value: leaf.value, params };
  }

  /** All entries in the order of their registration. */
  all(): T[] {
    return [...this.order];
  }
}

function search<T>(
  node: Node<T>,
  segments: readonly string[],
  at: number,
  values: readonly string[],
): { node: Node<T>; values: readonly string[] } | null {
  const segment = segments[at];
  if (segment === undefined) return node.leaves.size > 0 ? { node, values } : null;
  const literal = node.literals.get(segment);
  const found = literal ? search(literal, segments, at + 1, values) : null;
  if (found) return found;
  return node.param && segment !== "" ? search(node.param, segments, at + 1, [...values, segment]) : null;
}

const segmentsOf = (path: string): string[] => (path === "/" ? [] : path.slice(1).split("/"));

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AppError("malformed", "http.badAddress");
  }
}
