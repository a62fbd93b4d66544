// Something is going on: a pulse, in a shape that no state has.

export function InsightMark({ label, size = 16 }: { label?: string; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      className="m-mark m-fill-insight"
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    >
      {label && <title>{label}</title>}
      <rect x=".6" y=".6" width="14.8" height="14.8" rx="3.6" />
      <path
        d="M2.6 8.6h2.5l1.7-4.3 2.6 7.6 1.7-3.9h2.3"
        fill="none"
        stroke="#fff"
        strokeWidth="1.7"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}
