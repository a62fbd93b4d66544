// Something rings: a bell, in a shape that no state has.

export function AlarmMark({ label, size = 16 }: { label?: string; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      className="m-mark m-fill-fault"
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    >
      {label && <title>{label}</title>}
      <path d="M8 .8c2.7 0 4.5 2 4.5 4.6 0 3.2.9 4.6 2.1 5.7.3.3.1.9-.4.9H1.8c-.5 0-.7-.6-.4-.9 1.2-1.1 2.1-2.5 2.1-5.7C3.5 2.8 5.3.8 8 .8z" />
      <path d="M5.9 13.2h4.2a2.1 2.1 0 0 1-4.2 0z" />
    </svg>
  );
}
