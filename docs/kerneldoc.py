#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Doxygen's input filter: the module's kernel-doc comments as Doxygen commands.

The authors write one style, the kernel's:

    /**
     * gfn_to_hva() - where a guest frame is in the process
     * @vm:  the VM
     * @gfn: guest frame number, in pages
     *
     * Context: slots_lock or mmu_lock held; does not sleep.
     * Return: 0, or -EFAULT where no slot is.
     * Source: mainline's virt/kvm/kvm_main.c.
     */

and a plain comment behind each field of a struct. Line numbers stay what they
are. Usage: kerneldoc.py FILE > what Doxygen reads.
"""
import re
import sys
from pathlib import Path

from csource import blank

SECTIONS = {"Context": "@context", "Return": "@return", "Source": "@source", "Note": "@note"}


def escape(text):
    """Prose as Doxygen shall print it: no character of it is a command."""
    text = re.sub(r"%([A-Z]\w+)", r"\1", text)
    text = re.sub(r"([\\<>&#%\"$])", r"\\\1", text)
    text = re.sub(r"(^|\s)\* ", r"\1- ", text)
    text = text.replace("::", "\\::")
    return re.sub(r"@(\w*)", lambda word: word.group(1) or "\\@", text)


def convert_row(row):
    """One line of a kernel-doc comment, its leading asterisk taken off."""
    param = re.match(r"@(\w+|\.\.\.):[ \t]*(.*)", row)
    if param:
        return f"@param {param.group(1)} {escape(param.group(2))}"
    section = re.match(r"(Context|Return|Source|Note):[ \t]*(.*)", row)
    if section:
        return f"{SECTIONS[section.group(1)]} {escape(section.group(2))}"
    return escape(row)


def convert_comment(comment):
    """A whole /** comment */, with as many lines as before."""
    rows = comment[3:-2].split("\n")
    out = []
    named = False
    for number, row in enumerate(rows):
        lead = re.match(r"[ \t]*\*?[ \t]?" if number else r"[ \t]*", row).group()
        text = row[len(lead):].rstrip()
        head = re.match(r"(?:(?:struct|union|enum)\s+)?\w+(?:\(\))?\s+-\s+(.*)", text)
        if head and not named:
            text = "@brief " + escape(head.group(1))
        else:
            text = convert_row(text)
        named = named or bool(text)
        out.append(lead + text)
    return "/**" + "\n".join(out) + " */"


def struct_bodies(code):
    """Where the braces of a struct, union or enum are, in blanked code."""
    inside = []
    stack = []
    for pos, char in enumerate(code):
        if char == "{":
            head = code[max(code.rfind(mark, 0, pos) for mark in ";}{") + 1:pos]
            stack.append((pos, bool(re.search(r"\b(struct|union|enum)\b[\w\s]*$", head))))
        elif char == "}" and stack:
            start, struct = stack.pop()
            if struct:
                inside.append((start, pos))
    return inside


def convert(text):
    """A whole file."""
    code = blank(text)
    bodies = struct_bodies(code)

    def comment(match):
        whole = match.group()
        if whole.startswith("/**") and whole != "/**/":
            return convert_comment(whole)
        start = match.start()
        line = code[code.rfind("\n", 0, start) + 1:start].rstrip()
        if line.endswith((";", ",")) and any(a < start < b for a, b in bodies):
            rows = [re.sub(r"^([ \t]*\*?[ \t]*)(.*)$",
                           lambda row: row.group(1) + escape(row.group(2)), row)
                    for row in whole[2:-2].split("\n")]
            return "/**<" + "\n".join(rows) + "*/"
        return whole

    def piece(match):
        if match.group().startswith("/*"):
            return comment(match)
        # Doxygen 1.9.4 prints 'union role role' as 'union role role role': show.py mends it.
        return re.sub(r"^union (\w+)", r"union_\1", match.group())

    return re.sub(r"\"(?:\\.|[^\"\\\n])*\"|/\*.*?\*/|\bunion \w+(?=\s+\**\w+\s*[,();])",
                  piece, text, flags=re.S)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kerneldoc.py FILE")
    sys.stdout.write(convert(Path(sys.argv[1]).read_text(encoding="utf-8")))
