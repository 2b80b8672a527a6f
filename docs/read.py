#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Print a chapter's code in the order of its story: make read N=3.

The page's headings, and under each the functions and regions that it shows,
as they stand in the source now, with file and line.
"""
import re
import sys

import csource

UNDERLINE = re.compile(r"^([=\-~^])\1{2,}\s*$")


def chapter_page(number):
    """The page of a chapter, by its number."""
    every = sorted(csource.ROOT.glob("chapters/[0-9][0-9]-*/page.rst"))
    for page in every:
        if re.fullmatch(r"\d{1,2}", number) and int(page.parent.name[:2]) == int(number):
            return page
    names = "\n".join(f"  make read N={int(page.parent.name[:2])}   {page.parent.name[3:]}"
                      for page in every)
    sys.exit((f"there is no chapter '{number}'; " if number else "which chapter? ") +
             f"there are:\n{names}")


def read(page):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    lines = page.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        mark = UNDERLINE.match(line)
        if mark and number and lines[number - 1].strip():
            print(f"\n{bold}{lines[number - 1]}\n{line.strip()}{plain}")
        show = csource.SHOW.match(line)
        if not show:
            continue
        try:
            source = csource.SourceFile(csource.locate(show.group(1)))
            _, first, last, comment = source.find(show.group(2))
        except csource.SourceError as error:
            sys.exit(f"{page.relative_to(csource.ROOT)}:{number + 1}: {error}")
        if number + 1 < len(lines) and ":comment:" in lines[number + 1]:
            first = comment
        print(f"\n{bold}{source.label}:{first}{plain}")
        for row in range(first, last + 1):
            if not csource.MARKER.match(source.lines[row - 1]):
                print(f"{row:5}  {source.lines[row - 1]}")


if __name__ == "__main__":
    try:
        read(chapter_page(sys.argv[1] if len(sys.argv) > 1 else ""))
    except BrokenPipeError:
        sys.stderr.close()
