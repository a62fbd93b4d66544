"""What a power cut leaves of a folder: only what was synced is sure to be there.

A file's writes since its last sync are there, or not, page by page, or as zeros. A folder's entries (made, renamed, removed) since its
last sync are there up to some one of them. That is less than the usual file systems promise, so what holds here holds there.
"""

import os
import struct
from pathlib import Path

CREATE, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, RENAME, UNLINK, MKDIR, RMDIR, SYNC_DIR, MARK = range(1, 12)
HEAD = struct.Struct("<BQQI")
PAGE = 4096


class File:
    def __init__(self, durable=b""):
        self.durable = bytearray(durable)
        # (offset, bytes), or (length, None) where it was cut or extended.
        self.pending = []
        self.synced = 0

    def keep(self, change):
        apply(self.durable, *change)

    def after_cut(self, dice):
        found = bytearray(self.durable)
        how = dice.choice(("none", "all", "first", "pages", "zeros"))
        changes = self.pending
        if how == "none":
            return found
        if how == "first":
            changes = changes[:dice.randrange(len(changes) + 1)]
        for at, data in changes:
            if data is None or how in ("all", "first"):
                if how in ("all", "first") or dice.random() < 0.5:
                    apply(found, at, data)
                continue
            for start in range(0, len(data), PAGE):
                piece = data[start:start + PAGE]
                if dice.random() < 0.5:
                    apply(found, at + start, bytes(len(piece)) if how == "zeros" and at + start >= len(self.durable) else piece)
        return found


def apply(content, at, data):
    if data is None:
        if at < len(content):
            del content[at:]
        else:
            content.extend(bytes(at - len(content)))
        return
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at:at + len(data)] = data


class Folder:
    def __init__(self):
        self.durable, self.now = {}, {}
        # Functions that change a table of entries.
        self.pending = []
        self.synced = 0

    def change(self, how):
        how(self.now)
        self.pending.append(how)

    def keep(self, how):
        how(self.durable)

    def after_cut(self, dice):
        entries = dict(self.durable)
        for how in self.pending[:dice.randrange(len(self.pending) + 1)]:
            how(entries)
        return entries


def records(path):
    """What was recorded; the last may not be whole when the process was killed in it."""
    content = Path(path).read_bytes()
    at = 0
    while at + HEAD.size <= len(content):
        kind, a, b, length = HEAD.unpack_from(content, at)
        at += HEAD.size
        if at + length > len(content):
            return
        yield kind, a, b, content[at:at + length]
        at += length


def mark(fd, number):
    """Puts a mark of the test's own among the records."""
    os.write(fd, HEAD.pack(MARK, number, 0, 0))


class Disk:
    """A folder as it is, then changed by what was recorded."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.inodes, self.syncs = {}, {}
        self.top = self._read(self.root)

    def _read(self, path):
        folder = Folder()
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                node = self._read(entry.path)
            else:
                node = self.inodes[entry.stat().st_ino] = File(Path(entry.path).read_bytes())
            folder.durable[entry.name] = folder.now[entry.name] = node
        return folder

    def _find(self, path):
        """The folder that has the path, and its name there."""
        folder = self.top
        *above, name = os.path.relpath(path, self.root).split("/")
        for part in above:
            folder = folder.now[part]
        return folder, name

    def _folder(self, path):
        if path == self.root:
            return self.top
        above, name = self._find(path)
        return above.now[name]

    def take(self, kind, a, b, data):
        if kind == CREATE:
            folder, name = self._find(data.decode())
            node = self.inodes[a] = File()
            folder.change(lambda entries: entries.__setitem__(name, node))
        elif kind == WRITE:
            self.inodes[a].pending.append((b, data))
        elif kind == TRUNCATE:
            self.inodes[a].pending.append((b, None))
        elif kind in (SYNC_BEGIN, SYNC_DIR):
            node = self.inodes[b] if kind == SYNC_BEGIN else self._folder(data.decode())
            self.syncs[a] = (node, node.synced + len(node.pending))
        elif kind == SYNC_END:
            node, until = self.syncs.pop(a)
            # Another sync of the same that ended meanwhile may have taken these along.
            while node.synced < until:
                node.keep(node.pending.pop(0))
                node.synced += 1
        elif kind == RENAME:
            source, target = (self._find(path) for path in data.decode().split("\0"))
            node = source[0].now[source[1]]
            if source[0] is target[0]:
                def move(entries, old=source[1], new=target[1]):
                    entries.pop(old, None)
                    entries[new] = node
                source[0].change(move)
            else:
                target[0].change(lambda entries: entries.__setitem__(target[1], node))
                source[0].change(lambda entries: entries.pop(source[1], None))
        elif kind in (UNLINK, RMDIR):
            folder, name = self._find(data.decode())
            folder.change(lambda entries: entries.pop(name, None))
        elif kind == MKDIR:
            folder, name = self._find(data.decode())
            node = Folder()
            folder.change(lambda entries: entries.__setitem__(name, node))

    def write_after_cut(self, to, dice):
        """Writes a folder as it could be found after the power came back."""
        self._write(self.top, Path(to), dice)

    def _write(self, folder, to, dice):
        to.mkdir(mode=0o700)
        for name, node in folder.after_cut(dice).items():
            if isinstance(node, Folder):
                self._write(node, to / name, dice)
            elif not name.endswith("-shm"):
                # SQLite's shared memory is written through a mapping, and is made anew after a crash.
                (to / name).write_bytes(node.after_cut(dice))
