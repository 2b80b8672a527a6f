# SPDX-License-Identifier: GPL-2.0
"""GDB's side of the decoder: memory by physical address, types from debug information.

Comes from commands.py; goes to ks/, which knows nothing of GDB.
"""

import gdb

from ks import layout
from ks.kernel import Kernel, NoKernel
from ks.layout import Member, Type
from ks.memory import Frames, Unreadable

# Types that are wanted before the module's symbols are at their place.
EARLY = ("struct module", "struct mod_kallsyms", "struct elf64_sym", "struct list_head")

NUMBERS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_ENUM)


class Types:
    """GDB's types as the decoder wants them, kept as long as the module stays."""

    def __init__(self):
        self.by_name, self.early = {}, {}

    def keep_early(self):
        """The module's file is read, though not at its place: keep what finds the place."""
        self.early = {name: self(name) for name in EARLY}

    def forget(self):
        """The module came or went."""
        self.by_name = dict(self.early)

    def known(self, name):
        """Is there such a type?"""
        try:
            self(name)
        except layout.Missing:
            return False
        return True

    def __call__(self, name):
        if name not in self.by_name:
            try:
                self.by_name[name] = self.convert(gdb.lookup_type(name))
            except gdb.error:
                raise layout.Missing(f"the module does not know {name}") from None
        return self.by_name[name]

    def convert(self, found):
        """One type; what it points at and its members are converted when asked for."""
        kind = found.strip_typedefs()
        name, code = str(found), kind.code
        if code == gdb.TYPE_CODE_ENUM and name.startswith("enum "):
            return Type("enum", name, kind.sizeof,
                        members={field.name: field.enumval for field in kind.fields()})
        if code in NUMBERS:
            signed = kind.is_signed if code != gdb.TYPE_CODE_BOOL else False
            return Type("int", name, kind.sizeof, signed)
        if code == gdb.TYPE_CODE_PTR:
            return Type("pointer", name, 8, target=lambda: self.convert(kind.target()))
        if code == gdb.TYPE_CODE_ARRAY:
            target = kind.target()
            count = kind.sizeof // target.sizeof if target.sizeof else 0
            return Type("array", name, kind.sizeof, count=count,
                        target=lambda: self.convert(target))
        if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            if not kind.fields() and kind.name:  # a mere declaration: the real one elsewhere?
                tag = "struct " if code == gdb.TYPE_CODE_STRUCT else "union "
                try:
                    kind = gdb.lookup_type(tag + kind.name)
                except gdb.error:
                    pass
            return Type("struct", name, kind.sizeof, members=lambda: self.members(kind))
        return Type("other", name, kind.sizeof)

    def members(self, kind):
        """A struct's members, those of unnamed ones inside included."""
        out = {}
        for field in kind.fields():
            if not hasattr(field, "bitpos"):
                continue
            if not field.name:
                for name, member in self.members(field.type.strip_typedefs()).items():
                    out[name] = Member(field.bitpos // 8 + member.offset, member.type,
                                       member.shift, member.bits)
            elif field.bitsize:
                out[field.name] = Member(field.bitpos // 8, self.convert(field.type),
                                         field.bitpos % 8, field.bitsize)
            else:
                out[field.name] = Member(field.bitpos // 8, self.convert(field.type))
        return out


def connected():
    """Is there a machine at the other end?"""
    return isinstance(gdb.selected_inferior().connection, gdb.RemoteTargetConnection) \
        and gdb.selected_inferior().pid != 0


class Physical:
    """The machine's memory by physical address, whatever tables a CPU uses."""

    def __enter__(self):
        self._mode(1)
        return self

    def __exit__(self, *_):
        self._mode(0)

    @staticmethod
    def _mode(value):
        answer = gdb.selected_inferior().connection.send_packet(f"Qqemu.PhyMemMode:{value}")
        if answer != b"OK":
            raise gdb.GdbError("the machine has no access by physical address: "
                               "this wants QEMU 4.1 or later as the target")


def fetch(address, length):
    """Reads physical memory."""
    with Physical():
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.MemoryError:
            raise Unreadable(f"no memory at physical address {address:#x}") from None


def store(address, data):
    """Writes physical memory."""
    with Physical():
        gdb.selected_inferior().write_memory(address, data)


MODULE_SYMBOLS = {}  # name -> address, while the module is loaded (loader.py)


def symbol(name):
    """The address of a function or variable of the module or the kernel, or None.

    The module's come from its file and the addresses of its sections: GDB takes some of its
    static variables for another section's, for all of them begin at 0 in the file.
    """
    if name in MODULE_SYMBOLS:
        return MODULE_SYMBOLS[name]
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&'{name}'"))
    except gdb.error:
        return None


FRAMES = Frames(fetch)
TYPES = Types()


def kernel():
    """The kernel, read afresh."""
    if not connected():
        raise gdb.GdbError("no machine: start one with `make shell-gdb`, then `make gdb`, "
                           "or say `target remote localhost:1234`")
    FRAMES.forget()
    try:
        return Kernel(FRAMES, symbol, TYPES)
    except NoKernel as error:
        raise gdb.GdbError(str(error)) from None
    except Unreadable:
        raise gdb.GdbError("the machine has not started its kernel yet: say `continue`, "
                           "and stop it later with Ctrl-C") from None
