// The alarms that concern a place. Who links its metrics to this account has not linked its alarms.

import { useAskedAccount } from "../../api/account";
import { AlarmBadge } from "../../app/alarm-badge";
import { AlarmsHere } from "../../app/alarms-here";
import { printPrefill } from "../../model/alarm-form";
import { containerInsights, dimensionsOf, levelOf, placeScope, type Place } from "../../model/container";

export function PlaceBadge({ place }: { place: Place }) {
  return useAskedAccount() === undefined ? <AlarmBadge scope={placeScope(place)} /> : null;
}

export function PlaceAlarms({ place }: { place: Place }) {
  if (useAskedAccount() !== undefined) return null;
  const name = levelOf(place) === "container" ? "ContainerCpuUtilized" : "CpuUtilized";
  return (
    <AlarmsHere
      scope={placeScope(place)}
      prefill={printPrefill(
        { namespace: containerInsights, name, dimensions: dimensionsOf(place) },
        { stat: "Average", period: "60" },
      )}
    />
  );
}
