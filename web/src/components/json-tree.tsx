// JSON as a tree that folds. <details> gives keyboard and screen reader behaviour for free.

export function JsonTree({
  value,
  name,
  open = 2,
}: {
  value: unknown;
  name?: string;
  open?: number;
}) {
  if (value === null || typeof value !== "object")
    return (
      <div className="m-json-leaf">
        {name !== undefined && <span className="m-json-key">{name}: </span>}
        <span className={`m-json-${value === null ? "null" : typeof value}`}>
          {JSON.stringify(value)}
        </span>
      </div>
    );
  const entries = Object.entries(value);
  const list = Array.isArray(value);
  const brackets = list ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0)
    return (
      <div className="m-json-leaf">
        {name !== undefined && <span className="m-json-key">{name}: </span>}
        {list ? "[]" : "{}"}
      </div>
    );
  return (
    <details className="m-json" open={open > 0}>
      <summary>
        {name !== undefined && <span className="m-json-key">{name} </span>}
        <span className="m-json-count">{brackets}</span>
      </summary>
      <div className="m-json-body">
        {entries.slice(0, 500).map(([key, child]) => (
          <JsonTree key={key} name={key} value={child} open={open - 1} />
        ))}
        {entries.length > 500 && <div className="m-json-leaf">… +{entries.length - 500}</div>}
      </div>
    </details>
  );
}
