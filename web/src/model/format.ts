// Numbers and times as people read them: three significant digits with a unit.
// Pure and free of the catalogue, so that tests pin the exact text.

export type Zone = "local" | "utc";

/** Trailing zeros carry no news: 5.00 is 5, 5.04 stays, and 1234 keeps what it has. */
function significant(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return String(Math.abs(rounded) >= 100 ? Math.round(value) : rounded);
}

/** In the largest unit that leaves at least one before the point, after rounding: never 1000 ms. */
function scaled(value: number, units: readonly (readonly [number, string])[]): string {
  const [size, unit] =
    units.find(([length]) => Number((Math.abs(value) / length).toPrecision(3)) >= 1) ??
    units.at(-1)!;
  return `${significant(value / size)}${unit}`;
}

const durations = [
  [1, " s"],
  [1e-3, " ms"],
  [1e-6, " µs"],
] as const;

export function formatDuration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds === 0) return "0 ms";
  const whole = Math.round(Math.abs(seconds));
  const sign = seconds < 0 ? "-" : "";
  if (whole < 120) return scaled(seconds, durations);
  if (whole < 7200)
    return `${sign}${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  const minutes = Math.round(whole / 60);
  return `${sign}${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A difference says which way it goes. */
export function formatDurationChange(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return "–";
  // Times since the epoch are exact to a fraction of a microsecond: less is no difference.
  if (Math.abs(seconds) < 1e-6) return "±0 ms";
  const sign = seconds > 0 ? "+" : "−";
  return `${sign}${formatDuration(Math.abs(seconds))}`;
}

const counts = [
  [1e9, " G"],
  [1e6, " M"],
  [1e3, " k"],
] as const;

export function formatCount(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  return Math.abs(value) < 9999.5 ? significant(value) : scaled(value, counts);
}

export function formatRate(perMinute: number | undefined): string {
  if (perMinute === undefined || !Number.isFinite(perMinute)) return "–";
  // One request an hour is easier to read than 0.0167 a minute.
  if (perMinute > 0 && perMinute < 0.1) return `${significant(perMinute * 60)}/h`;
  return `${formatCount(perMinute)}/min`;
}

export function formatPercent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return "–";
  const percent = share * 100;
  // A share that is not all and not none must not be rounded to look like it.
  if (percent > 0 && percent < 0.1) return "<0.1%";
  if (percent < 100 && percent > 99.9) return ">99.9%";
  return `${significant(percent)}%`;
}

export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${significant(value)} ${units[unit]}`;
}

function parts(epochSeconds: number, zone: Zone) {
  const d = new Date(epochSeconds * 1000);
  const utc = zone === "utc";
  const two = (n: number) => String(n).padStart(2, "0");
  return {
    date: [
      utc ? d.getUTCFullYear() : d.getFullYear(),
      two((utc ? d.getUTCMonth() : d.getMonth()) + 1),
      two(utc ? d.getUTCDate() : d.getDate()),
    ].join("-"),
    minute: `${two(utc ? d.getUTCHours() : d.getHours())}:${two(utc ? d.getUTCMinutes() : d.getMinutes())}`,
    second: two(utc ? d.getUTCSeconds() : d.getSeconds()),
    milli: String(utc ? d.getUTCMilliseconds() : d.getMilliseconds()).padStart(3, "0"),
    offset: utc ? "UTC" : offsetName(-d.getTimezoneOffset()),
  };
}

function offsetName(minutes: number): string {
  const sign = minutes < 0 ? "-" : "+";
  const abs = Math.abs(minutes);
  return `UTC${sign}${String(Math.floor(abs / 60)).padStart(2, "0")}:${String(abs % 60).padStart(2, "0")}`;
}

export function formatTime(epochSeconds: number | undefined, zone: Zone): string {
  if (epochSeconds === undefined || !Number.isFinite(epochSeconds)) return "–";
  const p = parts(epochSeconds, zone);
  return `${p.date} ${p.minute}:${p.second}`;
}

export function formatTimePrecise(epochSeconds: number | undefined, zone: Zone): string {
  if (epochSeconds === undefined || !Number.isFinite(epochSeconds)) return "–";
  const p = parts(epochSeconds, zone);
  return `${p.date} ${p.minute}:${p.second}.${p.milli} ${p.offset}`;
}

/** Of milliseconds, without the offset: for lists of many. */
export function formatTimeMillis(epochMillis: number, zone: Zone): string {
  const p = parts(epochMillis / 1000, zone);
  return `${p.date} ${p.minute}:${p.second}.${p.milli}`;
}

export function formatClock(epochSeconds: number, zone: Zone, seconds = false): string {
  const p = parts(epochSeconds, zone);
  return seconds ? `${p.minute}:${p.second}` : p.minute;
}

export function formatAge(seconds: number, language: string): string {
  const units = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ] as const;
  const [unit, size] = units.find(([, length]) => seconds >= length) ?? units[3];
  return new Intl.RelativeTimeFormat(language).format(-Math.floor(seconds / size), unit);
}
