// Where a page of alarms stands.

import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import { useNavigate } from "react-router";

import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { alarmPath, alarmsPath } from "../../path";

export function Trail({ name, alarm }: { name: string; /** Above the page: its alarm. */ alarm?: string | undefined }) {
  const text = useText();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <BreadcrumbGroup
      items={[
        { text: text.alarm.title, href: alarmsPath({ range }) },
        ...(alarm ? [{ text: alarm, href: alarmPath(alarm, { range }) }] : []),
        { text: name, href: "" },
      ]}
      ariaLabel={text.alarm.trail}
      onFollow={(event) => {
        event.preventDefault();
        if (event.detail.href) void navigate(event.detail.href);
      }}
    />
  );
}
