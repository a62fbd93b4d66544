// Saved queries in folders, as the slashes in their names say.

export interface QueryFolder<Item> {
  name: string;
  folders: QueryFolder<Item>[];
  items: { name: string; item: Item }[];
}

export function foldersOf<Item extends { name: string }>(items: readonly Item[]): QueryFolder<Item> {
  const root: QueryFolder<Item> = { name: "", folders: [], items: [] };
  for (const item of [...items].sort((a, b) => a.name.localeCompare(b.name))) {
    const parts = item.name.split("/").filter(Boolean);
    let at = root;
    for (const name of parts.slice(0, -1)) {
      let next = at.folders.find((folder) => folder.name === name);
      if (!next) at.folders.push((next = { name, folders: [], items: [] }));
      at = next;
    }
    at.items.push({ name: parts.at(-1) ?? item.name, item });
  }
  return root;
}
