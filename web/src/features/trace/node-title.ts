import type { SegmentNode } from "../../model/waterfall";

/** A row by its service and its own name. */
export function nodeTitle(node: SegmentNode): string {
  const { name } = node.document;
  return node.service === name ? name : `${node.service} › ${name}`;
}
