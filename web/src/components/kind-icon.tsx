// Icons for the kinds of nodes, drawn in a 24×24 box with the current colour.

import type { NodeKind } from "../model/graph";

const paths: Record<NodeKind, React.ReactNode> = {
  client: (
    <>
      <circle cx="12" cy="8" r="4" />
      <path d="M4 21c0-4.4 3.6-7 8-7s8 2.6 8 7" />
    </>
  ),
  service: (
    <>
      <rect x="3" y="4" width="18" height="6" rx="1.5" />
      <rect x="3" y="14" width="18" height="6" rx="1.5" />
      <path d="M7 7h.1M7 17h.1M11 7h6M11 17h6" />
    </>
  ),
  database: (
    <>
      <ellipse cx="12" cy="5.5" rx="8" ry="3" />
      <path d="M4 5.5v13c0 1.7 3.6 3 8 3s8-1.3 8-3v-13M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3" />
    </>
  ),
  queue: <path d="M3 6h4v12H3zM10 6h4v12h-4zM17 6h4v12h-4z" />,
  aws: <path d="M7 18a4.5 4.5 0 0 1-.6-9A6 6 0 0 1 18 8.6 4.8 4.8 0 0 1 17.4 18z" />,
  function: <path d="M6 3h4l7 18h3M4 21l6.5-12.5" />,
  storage: <path d="M4 5h16l-2 16H6zM4 5c0-1.5 16-1.5 16 0M5 11h14" />,
  remote: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18" />
    </>
  ),
};

export function KindIcon({ kind, size = 24 }: { kind: NodeKind; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {paths[kind]}
    </svg>
  );
}
