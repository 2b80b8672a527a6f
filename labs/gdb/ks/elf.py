# SPDX-License-Identifier: GPL-2.0
"""ELF files, as little of them as symbols need: a module's are read, the kernel's written.

The kernel's own symbols come from /proc/kallsyms of a boot (symbols.py); GDB wants them
in a file. A module's file says how far each symbol is from the start of its section;
with its address in the running kernel, that gives the section's (kernel.py).
"""

import struct

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 1, 2, 3, 8
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4
STT_OBJECT, STT_FUNC = 1, 2


class Malformed(Exception):
    """The file is not the ELF file that it should be."""


def text_at(data, offset):
    """The string that starts there and ends with a zero byte."""
    return data[offset:data.index(b"\0", offset)].decode(errors="replace")


def module_symbols(data):
    """A module's symbols: {name: (section's name, offset in it)}; names used twice are out."""
    try:
        header = HEADER.unpack_from(data)
        if header[0][:6] != b"\x7fELF\2\1":
            raise Malformed("it is not a little-endian ELF file of 64 bits")
        sections = [SECTION.unpack_from(data, header[6] + i * header[11])
                    for i in range(header[12])]
        names_at = sections[header[13]][4]
        names = [text_at(data, names_at + section[0]) for section in sections]
        found, twice = {}, set()
        for section in sections:
            if section[1] != SHT_SYMTAB:
                continue
            strings = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], SYMBOL.size):
                name, _, _, index, value, _ = SYMBOL.unpack_from(data, at)
                if not name or not 0 < index < len(sections):
                    continue
                name = text_at(data, strings + name)
                if name in found:
                    twice.add(name)
                found[name] = (names[index], value)
    except (struct.error, IndexError, ValueError) as error:
        raise Malformed(f"it is cut off or damaged ({error})") from None
    return {name: place for name, place in found.items() if name not in twice}


def symbol_file(symbols):
    """An ELF file that holds symbols and no code.

    symbols: tuples (address, letter, name), the letter being that of `nm`.
    """
    kernel = sorted(entry for entry in symbols if entry[0] >= 0xffffffff80000000)
    if not kernel:
        raise Malformed("no symbol of the kernel's image is among them")
    places = {name: address for address, _, name in kernel}
    start = kernel[0][0] & ~0xfff
    data_start = places.get("_etext", kernel[-1][0]) + 0xfff & ~0xfff
    end = (kernel[-1][0] | 0xfff) + 1
    strings, table = bytearray(b"\0"), bytearray(SYMBOL.size)
    for address, letter, name in kernel:
        is_text = address < data_start
        kind = STT_FUNC if letter in "tTwW" else STT_OBJECT
        binding = 1 if letter.isupper() else 0
        table += SYMBOL.pack(len(strings), binding << 4 | kind, 0, 1 if is_text else 2,
                             address, 0)
        strings += name.encode() + b"\0"
    names = b"\0.text\0.data\0.symtab\0.strtab\0.shstrtab\0"
    at = HEADER.size
    parts = [b"", b"", b"", bytes(table), bytes(strings), names]
    rows = [(0, 0, 0, 0, 0, 0, 0, 0),
            (1, SHT_NOBITS, SHF_ALLOC | SHF_EXEC, start, data_start - start, 0, 0, 0),
            (7, SHT_NOBITS, SHF_ALLOC | SHF_WRITE, data_start, end - data_start, 0, 0, 0),
            (13, SHT_SYMTAB, 0, 0, len(table), 4, 1, SYMBOL.size),
            (21, SHT_STRTAB, 0, 0, len(strings), 0, 0, 0),
            (29, SHT_STRTAB, 0, 0, len(names), 0, 0, 0)]
    body, sections = bytearray(), bytearray()
    for part, (name, kind, flags, address, size, link, info, entry) in zip(parts, rows):
        sections += SECTION.pack(name, kind, flags, address, at + len(body), size, link, info,
                                 1 if kind else 0, entry)
        body += part
    # EXEC, x86-64; no program headers, the section headers at the end.
    header = HEADER.pack(b"\x7fELF\2\1\1" + bytes(9), 2, 62, 1, start, 0, at + len(body), 0,
                         HEADER.size, 0, 0, SECTION.size, len(rows), 5)
    return header + bytes(body) + bytes(sections)
