// Where a page of logs stands.

import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import { useNavigate } from "react-router";

import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { logsPath } from "../../path";

export function Trail({ name }: { name: string }) {
  const text = useText();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <BreadcrumbGroup
      items={[
        { text: text.log.title, href: logsPath({ range }) },
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
