"""Reads the messages of a part of log events, in the order of its rows, as docs/format/texts.md says they are kept.

    python3 read_texts.py <part>.parquet     writes a line of JSON for each event
"""

import json
import sys

import pyarrow
import pyarrow.parquet

VALUE, ID, END = 0xFF, 0xFE, 0xFD


class Input:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def section(self):
        length, compressed = self.number(), self.number()
        return pyarrow.Codec("zstd").decompress(self.take(compressed), length).to_pybytes()


def from_planes(planes, count):
    width = len(planes) // count if count else 0
    return [sum(planes[plane * count + at] << 8 * plane for plane in range(width)) for at in range(count)]


def column(kinds, values, count):
    """The texts of a column of so many values."""
    kind = kinds.take(1)[0]
    if kind == 0:
        return [kinds.take(kinds.number())] * count
    if kind == 1:
        return [values.take(length) for length in values.take(count)]
    if kind == 2:
        half = kinds.take(1)[0]
        return [values.take(half).hex().encode() for _ in range(count)]
    digits = kinds.take(1)[0] if kind & 7 == 4 else 1
    last = least = kinds.number()
    numbers = from_planes(values.take(kinds.take(1)[0] * count), count)
    found = []
    for number in numbers:
        if kind & 8:
            last = (last + (-(number + 1) // 2 if number & 1 else number // 2)) % 2**64
        else:
            last = least + number
        found.append(str(last).zfill(digits).encode())
    return found


def unpack(packed):
    """The texts of a row group."""
    data = Input(packed)
    version, count, _ = data.take(1)[0], data.number(), data.number()
    if version == 2:
        lengths, texts = Input(data.section()), Input(data.section())
        return [texts.take(lengths.number()).decode() for _ in range(count)]
    assert version == 1, "packed in a way that this does not know"
    templates, of_texts, kinds, values, ids, new = (data.section() for _ in range(6))
    templates = templates.split(bytes([END]))[:-1]
    of_texts = from_planes(of_texts, count) if of_texts else [0] * count
    uses = [0] * len(templates)
    for template in of_texts:
        uses[template] += 1

    kinds, values = Input(kinds), Input(values)
    is_rare = [use < 64 for use in uses]
    shared = iter(column(kinds, values, sum(text.count(VALUE) * use for text, use, rare in zip(templates, uses, is_rare) if rare)))
    own = [
        None if rare else [iter(column(kinds, values, use)) for _ in range(text.count(VALUE))]
        for text, use, rare in zip(templates, uses, is_rare)
    ]
    id_count = sum(text.count(ID) * use for text, use in zip(templates, uses))
    new, known = Input(new), []
    for kind in ids[id_count:]:
        if kind == 0:
            known.append(new.take(new.take(1)[0]))
        elif kind == 1:
            hexadecimal = new.take(16).hex()
            parts = (hexadecimal[:8], hexadecimal[8:12], hexadecimal[12:16], hexadecimal[16:20], hexadecimal[20:])
            known.append("-".join(parts).encode())
        else:
            known.append(new.take(kind).hex().encode())
    distances, fresh = iter(ids[:id_count]), 0

    texts = []
    for number in of_texts:
        text, place = bytearray(), 0
        for byte in templates[number]:
            if byte == VALUE:
                text += next(shared) if is_rare[number] else next(own[number][place])
                place += 1
            elif byte == ID:
                distance = next(distances)
                fresh += distance == 0
                text += known[fresh - (distance or 1)]
            else:
                text.append(byte)
        texts.append(text.decode())
    return texts


def messages(path):
    """The messages of a file, whether or not they are packed."""
    file = pyarrow.parquet.ParquetFile(path)
    if "message" in file.schema_arrow.names:
        return file.read(["message"]).column(0).to_pylist()
    found = []
    with open(path, "rb") as data:
        for place in file.metadata.metadata[b"mitoshi.texts"].split(b","):
            start, length = map(int, place.split(b":"))
            data.seek(start)
            found += unpack(data.read(length))
    return found


def main(path):
    rows = pyarrow.parquet.ParquetFile(path).read(["time", "log_group", "stream"]).to_pylist()
    for row, message in zip(rows, messages(path), strict=True):
        print(json.dumps({**row, "time": row["time"].isoformat(), "message": message}, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
