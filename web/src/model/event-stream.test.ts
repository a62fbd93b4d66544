import { expect, test } from "vitest";

import { crc32, EventStreamDecoder } from "./event-stream";

const utf8 = new TextEncoder();

function frame(headers: Record<string, string>, payload: string): Uint8Array {
  const head = Object.entries(headers).flatMap(([name, value]) => {
    const [n, v] = [utf8.encode(name), utf8.encode(value)];
    return [n.length, ...n, 7, v.length >> 8, v.length & 255, ...v];
  });
  const body = utf8.encode(payload);
  const total = 12 + head.length + body.length + 4;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, total);
  view.setUint32(4, head.length);
  view.setUint32(8, crc32(bytes.subarray(0, 8)));
  bytes.set(head, 12);
  bytes.set(body, 12 + head.length);
  view.setUint32(total - 4, crc32(bytes.subarray(0, total - 4)));
  return bytes;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("the checksum is that of everyone", () => {
  expect(crc32(utf8.encode("123456789"))).toBe(0xcbf43926);
});

test("an example of the SDKs' own tests: no header, no payload", () => {
  const bytes = Uint8Array.from([0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
  expect(new EventStreamDecoder().push(bytes)).toEqual([{ headers: {}, payload: new Uint8Array(0) }]);
});

test("messages are whole however the bytes are cut", () => {
  const one = frame({ ":message-type": "event", ":event-type": "sessionStart" }, "{}");
  const two = frame({ ":event-type": "sessionUpdate" }, '{"sessionResults":[{"message":"日本"}]}');
  const bytes = new Uint8Array([...one, ...two]);
  for (const size of [1, 7, one.length, bytes.length]) {
    const decoder = new EventStreamDecoder();
    const found = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...decoder.push(bytes.slice(at, at + size)));
    expect(found.map(({ headers }) => headers[":event-type"])).toEqual(["sessionStart", "sessionUpdate"]);
    expect(text(found[1]!.payload)).toContain("日本");
  }
});

test("other types of headers are stepped over", () => {
  const head = [1, 97, 0, 1, 98, 4, 0, 0, 1, 0, 1, 99, 8, 0, 0, 0, 0, 0, 0, 0, 5, 1, 100, 6, 0, 2, 9, 9];
  const total = 12 + head.length + 4;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, total);
  view.setUint32(4, head.length);
  view.setUint32(8, crc32(bytes.subarray(0, 8)));
  bytes.set(head, 12);
  view.setUint32(total - 4, crc32(bytes.subarray(0, total - 4)));
  expect(new EventStreamDecoder().push(bytes)[0]!.headers).toEqual({ a: true, b: 256, c: 5, d: Uint8Array.from([9, 9]) });
});

test("damage is seen", () => {
  const bytes = frame({}, "x");
  bytes[13] = bytes[13]! ^ 1;
  expect(() => new EventStreamDecoder().push(bytes)).toThrow("damaged");
  const length = frame({}, "x");
  length[3] = 99;
  expect(() => new EventStreamDecoder().push(length)).toThrow("damaged");
});
