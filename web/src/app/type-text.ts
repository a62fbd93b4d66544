import type { Catalogue } from "../i18n/en";

/** X-Ray's own name of a type of node; `client` and `remote` are no names but words. */
export function typeText(text: Catalogue, type: string | undefined): string {
  return type === "client" || type === "remote" ? text.map.kind[type] : (type ?? "");
}

/** What a node is, also when it has no type. */
export function nodeText(
  text: Catalogue,
  node: { type: string | undefined; kind: keyof Catalogue["map"]["kind"] },
): string {
  return typeText(text, node.type) || text.map.kind[node.kind];
}
