/** A share of a whole, 0 to 1, as a bar beside the number that says the same. */
export function ShareBar({ share, kind = "a" }: { share: number; kind?: "a" | "b" }) {
  const percent = Math.min(100, Math.max(0, share * 100));
  return (
    <span className="m-share" aria-hidden="true">
      <span
        className={`m-share-part m-share-${kind}`}
        style={{ width: share > 0 ? `max(2px, ${percent}%)` : 0 }}
      />
    </span>
  );
}
