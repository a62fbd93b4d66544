// Where a page of canaries stands.

import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import { useNavigate } from "react-router";

import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { canariesPath, canaryPath } from "../../path";

export function Trail({ canary, name }: { canary?: string | undefined; name: string }) {
  const text = useText();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <BreadcrumbGroup
      items={[
        { text: text.canary.title, href: canariesPath({ range }) },
        ...(canary ? [{ text: canary, href: canaryPath(canary, { range }) }] : []),
        { text: name, href: "" },
      ]}
      ariaLabel={text.container.trail}
      onFollow={(event) => {
        event.preventDefault();
        if (event.detail.href) void navigate(event.detail.href);
      }}
    />
  );
}
