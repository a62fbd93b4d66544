// Links between places, which stay in the time on screen and in the account that is looked at.

import { useAskedAccount } from "../../api/account";
import { useTimeRange } from "../../app/time-range";
import { containersPath } from "../../path";

export function usePlacePath() {
  const { printed: range } = useTimeRange();
  const asked = useAskedAccount();
  /** With an empty name, whatever account. */
  return (place: Parameters<typeof containersPath>[0], account = asked) =>
    containersPath(place, { range, account: account || undefined });
}
