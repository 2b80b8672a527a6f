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

Line numbers stay what they are. Structs need nothing: pages show them as they stand.
Usage: kerneldoc.py FILE > what Doxygen reads.
"""
import re
import sys
from pathlib import Path

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


def piece(match):
    """What convert() finds: a string, a comment, or the type of a parameter."""
    text = match.group()
    if text.startswith("/**") and text != "/**/":
        return convert_comment(text)
    # Doxygen 1.9.4 prints 'union role role' as 'union role role role': show.py mends it.
    return re.sub(r"^union (\w+)", r"union_\1", text)


def convert(text):
    """A whole file."""
    return re.sub(r"\"(?:\\.|[^\"\\\n])*\"|/\*.*?\*/|\bunion \w+(?=\s+\**\w+\s*[,();])",
                  piece, text, flags=re.S)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kerneldoc.py FILE")
    sys.stdout.write(convert(Path(sys.argv[1]).read_text(encoding="utf-8")))
