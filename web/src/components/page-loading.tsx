// What stands where a page will be: text for everyone, shapes for the eye.

import Box from "@cloudscape-design/components/box";
import Skeleton from "@cloudscape-design/components/skeleton";

export function PageLoading({ label, rows = 6 }: { label: string; rows?: number }) {
  return (
    <div role="status" aria-live="polite" className="m-loading">
      <Box color="text-body-secondary">{label} …</Box>
      <div aria-hidden="true">
        {Array.from({ length: rows }, (_, i) => (
          <div key={i} style={{ width: `${92 - ((i * 17) % 40)}%`, marginTop: 12 }}>
            <Skeleton height="22px" width="100%" />
          </div>
        ))}
      </div>
    </div>
  );
}
