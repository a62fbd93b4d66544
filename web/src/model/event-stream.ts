// Frames of application/vnd.amazon.eventstream, as the bytes of an answer come in: lengths, headers, payload, checksums.

export interface EventStreamMessage {
  headers: Record<string, string | number | boolean | Uint8Array>;
  payload: Uint8Array;
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Longer than the server ever sends: a length beyond it is damage, and must not be waited for. */
const longest = 24 * 1024 * 1024;
/** Both lengths and their checksum. */
const prelude = 12;

export class EventStreamDecoder {
  #rest = new Uint8Array(0);

  /** The messages that are whole with these bytes; a part of one is kept for the next ones. */
  push(bytes: Uint8Array): EventStreamMessage[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const messages: EventStreamMessage[] = [];
    let at = 0;
    while (all.length - at >= prelude) {
      const view = new DataView(all.buffer, at);
      const [total, headers] = [view.getUint32(0), view.getUint32(4)];
      if (view.getUint32(8) !== crc32(all.subarray(at, at + 8)) || total > longest || total < prelude + headers + 4)
        throw new Error("the event stream is damaged");
      if (all.length - at < total) break;
      const frame = all.subarray(at, at + total);
      if (view.getUint32(total - 4) !== crc32(frame.subarray(0, total - 4))) throw new Error("the event stream is damaged");
      const from = prelude + headers;
      messages.push({ headers: headersOf(frame.subarray(prelude, from)), payload: frame.slice(from, total - 4) });
      at += total;
    }
    this.#rest = all.slice(at);
    return messages;
  }
}

function headersOf(bytes: Uint8Array): EventStreamMessage["headers"] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder();
  const headers: EventStreamMessage["headers"] = {};
  let at = 0;
  const take = (length: number) => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const name = utf8.decode(take(view.getUint8(at++)));
    const type = view.getUint8(at++);
    if (type === 0 || type === 1) headers[name] = type === 0;
    else if (type === 2) headers[name] = view.getInt8(at++);
    else if (type === 3) headers[name] = view.getInt16((at += 2) - 2);
    else if (type === 4) headers[name] = view.getInt32((at += 4) - 4);
    else if (type === 5 || type === 8) headers[name] = Number(view.getBigInt64((at += 8) - 8));
    else if (type === 6 || type === 7) {
      const value = take(view.getUint16((at += 2) - 2));
      headers[name] = type === 7 ? utf8.decode(value) : value.slice();
    } else if (type === 9) headers[name] = take(16).slice();
    else throw new Error("the event stream has a header of an unknown type");
  }
  return headers;
}
