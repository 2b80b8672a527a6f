# SPDX-License-Identifier: GPL-2.0
"""Writes cpio archives in the "newc" format that the kernel unpacks as initramfs.

Written here, and not by cpio(1), because this way a user without root can put in a
device node, every file belongs to root, and equal input gives equal bytes.
initramfs.py is the only caller.
"""

import stat


class Archive:
    """An archive that is written to a binary file object as members are added."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.seen = set()

    def _member(self, name, mode, data=b"", rdev=(0, 0)):
        name = name.strip("/")
        self.ino += 1
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1],
                  len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        head += name.encode() + b"\0"
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))

    def directory(self, name):
        """Adds a directory and those above it, each once."""
        path = ""
        for part in name.strip("/").split("/"):
            path += "/" + part
            if part and path not in self.seen:
                self.seen.add(path)
                self._member(path, stat.S_IFDIR | 0o755)

    def file(self, name, data, executable=False):
        """Adds a regular file with the given bytes."""
        self.directory(name.rpartition("/")[0])
        self._member(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def symlink(self, name, target):
        """Adds a symbolic link."""
        self.directory(name.rpartition("/")[0])
        self._member(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name, major, minor):
        """Adds a character device node."""
        self.directory(name.rpartition("/")[0])
        self._member(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def close(self):
        """Ends the archive; further archives may follow it in the same file."""
        self._member("TRAILER!!!", 0)
        self.out.write(b"\0" * (-self.out.tell() % 512))
