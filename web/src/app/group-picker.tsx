// Which group a page is about; the group stands in the URL of the page.

import Select from "@cloudscape-design/components/select";

import { useGroups } from "../api/hook";
import { defaultGroup } from "../model/group";
import { useText } from "./settings";

interface GroupPickerProps {
  value: string;
  onChange: (group: string) => void;
  /** Values beside the groups. */
  more?: readonly { value: string; label: string }[];
}

export function GroupPicker({ value, onChange, more = [] }: GroupPickerProps) {
  const text = useText();
  const groups = useGroups();
  const names = (groups.data ?? []).map((group) => group.GroupName);
  // A group of an old link may be gone: it is still what the page asks for.
  const asked = more.some((option) => option.value === value) ? [] : [value];
  const all = [...new Set([defaultGroup, ...names, ...asked])];
  const options = [
    ...more,
    ...all.map((name) => {
      const expression = groups.data?.find((group) => group.GroupName === name)?.FilterExpression;
      return {
        value: name,
        label: name,
        ...(name === defaultGroup
          ? { description: text.group.everyTrace }
          : expression
            ? { description: expression }
            : {}),
      };
    }),
  ];
  const selected = options.find((option) => option.value === value) ?? null;
  return (
    <div className="m-group-picker">
      <Select
        ariaLabel={text.group.one}
        options={options}
        selectedOption={
          selected && { value: selected.value, label: `${text.group.one}: ${selected.label}` }
        }
        onChange={({ detail }) => onChange(detail.selectedOption.value ?? defaultGroup)}
        filteringType={options.length > 8 ? "auto" : "none"}
        filteringAriaLabel={text.group.find}
        filteringPlaceholder={text.group.find}
        expandToViewport
        {...(groups.isPending ? { statusType: "loading" as const, loadingText: text.common.loading } : {})}
      />
    </div>
  );
}
