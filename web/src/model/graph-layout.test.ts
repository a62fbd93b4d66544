import { expect, test } from "vitest";

import { toServiceMap } from "./graph";
import { layOut } from "./graph-layout";

const services = [
  { ReferenceId: 0, Name: "a", Type: "client", Edges: [{ ReferenceId: 1 }] },
  { ReferenceId: 1, Name: "a", Edges: [{ ReferenceId: 2 }, { ReferenceId: 3 }] },
  { ReferenceId: 2, Name: "b", Edges: [{ ReferenceId: 1 }] },
  { ReferenceId: 3, Name: "c", Edges: [{ ReferenceId: 3 }] },
];

test("calls go left to right, loops included, and the layout is repeatable", async () => {
  const first = await layOut(toServiceMap(services));
  const again = await layOut(toServiceMap([...services].reverse()));
  expect(first.get("a|client")!.x).toBeLessThan(first.get("a|")!.x);
  expect(first.get("a|")!.x).toBeLessThan(first.get("c|")!.x);
  expect([...again]).toEqual([...first]);
});
