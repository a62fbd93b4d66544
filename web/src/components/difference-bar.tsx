/** A difference as a bar to the right (more) or to the left (less) of a line in the middle. */
export function DifferenceBar({ value, most }: { value: number; most: number }) {
  const percent = most > 0 ? Math.min(50, (Math.abs(value) / most) * 50) : 0;
  return (
    <span className="m-difference" aria-hidden="true">
      {percent > 0 && (
        <span
          className={value > 0 ? "m-difference-more" : "m-difference-less"}
          style={{
            width: `max(2px, ${percent}%)`,
            ...(value > 0 ? { left: "50%" } : { right: "50%" }),
          }}
        />
      )}
    </span>
  );
}
