// Dashboards in CloudWatch's form: a grid of 24 columns on which widgets stand.

export const columns = 24;

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface DashboardWidget extends Place {
  /** For React alone: not in the body. */
  key: string;
  type: string;
  properties: Record<string, unknown>;
}

export interface DashboardBody {
  widgets: DashboardWidget[];
  /** What is not understood here, kept as it is. */
  rest: Record<string, unknown>;
}

const standard = { width: 6, height: 6 };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function parseBody(text: string): DashboardBody {
  const body: unknown = JSON.parse(text);
  if (!isObject(body)) return { widgets: [], rest: {} };
  const { widgets, ...rest } = body;
  const number = (value: unknown, otherwise: number) =>
    typeof value === "number" && Number.isFinite(value) ? Math.round(value) : otherwise;
  const found: DashboardWidget[] = [];
  (Array.isArray(widgets) ? widgets : []).filter(isObject).forEach((widget, i) => {
    const size = {
      width: clamp(number(widget.width, standard.width), 1, columns),
      height: Math.max(1, number(widget.height, standard.height)),
    };
    // Without a place, widgets stand one after the other.
    const place =
      widget.x === undefined || widget.y === undefined
        ? freePlace(found, size)
        : { x: number(widget.x, 0), y: Math.max(0, number(widget.y, 0)) };
    found.push({
      key: `w${i}`,
      type: typeof widget.type === "string" ? widget.type : "",
      properties: isObject(widget.properties) ? widget.properties : {},
      ...size,
      x: clamp(place.x, 0, columns - size.width),
      y: place.y,
    });
  });
  return { widgets: found, rest };
}

export function printBody(body: DashboardBody): string {
  const widgets = body.widgets.map(({ key: _, type, x, y, width, height, properties }) => ({
    type,
    x,
    y,
    width,
    height,
    properties,
  }));
  return JSON.stringify({ ...body.rest, widgets }, null, 2);
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** The highest place with room. */
export function freePlace(
  places: readonly Place[],
  size: { width: number; height: number },
): { x: number; y: number } {
  const bottom = Math.max(0, ...places.map((place) => place.y + place.height));
  for (let y = 0; y <= bottom; y += 1)
    for (let x = 0; x + size.width <= columns; x += 1)
      if (places.every((place) => !overlap(place, { x, y, ...size }))) return { x, y };
  return { x: 0, y: bottom };
}

/** Puts a widget somewhere: those in its way move down, and nothing else moves. */
export function placed<W extends Place & { key: string }>(
  widgets: readonly W[],
  key: string,
  to: Partial<Place>,
): W[] {
  const moved = widgets.map((widget) => {
    if (widget.key !== key) return widget;
    const width = clamp(to.width ?? widget.width, 1, columns);
    return {
      ...widget,
      width,
      height: clamp(to.height ?? widget.height, 1, 1000),
      x: clamp(to.x ?? widget.x, 0, columns - width),
      y: Math.max(0, to.y ?? widget.y),
    };
  });
  const first = moved.find((widget) => widget.key === key);
  if (!first) return moved;
  const done: W[] = [first];
  const others = moved.filter((widget) => widget.key !== key).sort((a, b) => a.y - b.y || a.x - b.x);
  for (const widget of others) {
    let at = widget;
    for (;;) {
      const inTheWay = done.find((each) => overlap(each, at));
      if (!inTheWay) break;
      at = { ...at, y: inTheWay.y + inTheWay.height };
    }
    done.push(at);
  }
  const byKey = new Map(done.map((widget) => [widget.key, widget]));
  return moved.map((widget) => byKey.get(widget.key)!);
}

export function heightOf(places: readonly Place[]): number {
  return Math.max(0, ...places.map((place) => place.y + place.height));
}
