# SPDX-License-Identifier: GPL-2.0
"""C types by their names, and memory seen through them.

No offset is written down anywhere here: a type says where its members are, and the types
come from the module's own debug information (../target.py) or, in tests, from a table.
A View is a struct at an address: `vm.shadow.nr` reads memory when it is asked for.
"""

import struct

NUMBERS = {(1, False): "B", (2, False): "<H", (4, False): "<I", (8, False): "<Q",
           (1, True): "b", (2, True): "<h", (4, True): "<i", (8, True): "<q"}


class Missing(Exception):
    """The module, as this chapter has it, knows no such type or member."""


class Member:
    """One member of a struct: its offset in bytes and, for a bit-field, its bits."""

    def __init__(self, offset, kind, shift=0, bits=0):
        self.offset, self.type, self.shift, self.bits = offset, kind, shift, bits


class Type:
    """A C type. kind: "int", "pointer", "struct" (a union too) or "array"."""

    def __init__(self, kind, name, size, signed=False, target=None, count=0, members=None):
        """target: of a pointer or array, a Type or a function that returns it (as members:
        a dictionary, or a function): types are looked up when they are needed."""
        self.kind, self.name, self.size, self.signed = kind, name, size, signed
        self.count, self._target, self._members = count, target, members

    @property
    def target(self):
        """What a pointer points at, or an array is made of."""
        if callable(self._target):
            self._target = self._target()
        return self._target

    @property
    def members(self):
        """name -> Member; those of unnamed structs and unions inside are here too."""
        if callable(self._members):
            self._members = self._members()
        return self._members or {}

    def member(self, path):
        """The offset in bytes, and the type, of a member such as "shadow.pages"."""
        offset, kind = 0, self
        for name in path.split("."):
            if name not in kind.members:
                raise Missing(f"{kind.name} has no member {name}")
            offset += kind.members[name].offset
            kind = kind.members[name].type
        return offset, kind

    def has(self, path):
        """Is there such a member?"""
        try:
            self.member(path)
        except Missing:
            return False
        return True


class Pointer(int):
    """A pointer's value, which knows what it points at."""

    def __new__(cls, value, memory, target):
        self = int.__new__(cls, value)
        self.memory, self.target = memory, target
        return self

    @property
    def to(self):
        """What is there."""
        return value_at(self.memory, self.target, int(self))

    def __getitem__(self, index):
        return value_at(self.memory, self.target, int(self) + index * self.target.size)


class View:
    """A struct or an array in memory."""

    def __init__(self, memory, kind, address):
        self._memory, self._type, self._at = memory, kind, address

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        member = self._type.members.get(name)
        if member is None:
            raise Missing(f"{self._type.name} has no member {name}")
        if member.bits:
            size = (member.shift + member.bits + 7) // 8
            word = int.from_bytes(self._memory.read(self._at + member.offset, size), "little")
            return word >> member.shift & (1 << member.bits) - 1
        return value_at(self._memory, member.type, self._at + member.offset)

    def __getitem__(self, index):
        kind = self._type.target
        return value_at(self._memory, kind, self._at + index * kind.size)

    def __len__(self):
        return self._type.count

    def __iter__(self):
        return (self[i] for i in range(len(self)))


def value_at(memory, kind, address):
    """What is at this address: a number, a Pointer or a View."""
    if kind.kind in ("struct", "array"):
        return View(memory, kind, address)
    code = NUMBERS.get((kind.size, kind.signed))
    if code is None:
        raise Missing(f"{kind.name} is no number, pointer or struct that can be read")
    number, = struct.unpack(code, memory.read(address, kind.size))
    return Pointer(number, memory, kind.target) if kind.kind == "pointer" else number


def address_of(view, path=""):
    """The address of a View, or of a member of it."""
    offset = view._type.member(path)[0] if path else 0  # pylint: disable=protected-access
    return view._at + offset                            # pylint: disable=protected-access


def has(view, path):
    """Has this struct such a member?"""
    return view._type.has(path)                         # pylint: disable=protected-access


def type_of(view):
    """The Type of a View."""
    return view._type                                   # pylint: disable=protected-access
