#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Shows what chapter N adds to the module, as a reader of chapter N-1 would see it.

    chapterdiff.py N

Takes the files that each of the two chapters links, by kernel-module/Kbuild, and the
headers that these include; removes with unifdef what the chapter has not switched on;
and compares the two.
"""

import re
import shutil
import subprocess
import sys

from common import BUILD, ROOT, Problem, main

SOURCE = ROOT / "kernel-module"


def pieces(kbuild):
    """Piece -> the chapter that switches it on, as Kbuild has it."""
    found = re.findall(r"^KVMSWAP_CHAPTER_OF_(\w+)\s*:?=\s*(\d+)", kbuild, re.M)
    if not found:
        raise Problem("kernel-module/Kbuild has no KVMSWAP_CHAPTER_OF_ lines")
    return {piece: int(chapter) for piece, chapter in found}


def sources(kbuild, chapter):
    """The files that are linked in a chapter, in Kbuild's order."""
    when = pieces(kbuild)
    out = []
    text = kbuild.replace("\\\n", " ")
    for condition, objects in re.findall(r"^kvmswap-(\S+)\s*[+:]?=(.*)$", text, re.M):
        piece = re.fullmatch(r"\$\(CONFIG_KVMSWAP_(\w+)\)", condition)
        if piece and piece.group(1) not in when:
            raise Problem(f"kernel-module/Kbuild: no chapter is given for {condition}")
        if condition == "y" or piece and when[piece.group(1)] <= chapter:
            for name in objects.split():
                stem = SOURCE / name.removesuffix(".o")
                out.append(stem.with_suffix(".c" if stem.with_suffix(".c").exists()
                                            else ".S"))
    return out


def reduce(path, chapter, when):
    """A file's text with only what the chapter has switched on."""
    flags = [f"-{'D' if number <= chapter else 'U'}CONFIG_KVMSWAP_{piece}"
             for piece, number in when.items()]
    result = subprocess.run(["unifdef", *flags, f"-DKVMSWAP_CHAPTER={chapter}", path],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            check=False)
    if result.returncode > 1:
        raise Problem(f"unifdef: {result.stderr.strip()}")
    return result.stdout


def write_chapter(kbuild, chapter, folder):
    """Writes the chapter's files into an empty folder."""
    when = pieces(kbuild)
    waiting = sources(kbuild, chapter)
    done = set()
    folder.mkdir(parents=True)
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        if not path.exists():
            raise Problem(f"{path.relative_to(ROOT)} is in Kbuild, but does not exist")
        done.add(path)
        text = reduce(path, chapter, when)
        (folder / path.name).write_text(text)
        waiting += [SOURCE / name for name in
                    re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M)
                    if (SOURCE / name).exists()]


def command():
    """The command line."""
    if len(sys.argv) != 2 or not sys.argv[1].isdigit() or sys.argv[1] == "0":
        raise Problem("wants the number of a chapter, from 1")
    number = int(sys.argv[1])
    kbuild = (SOURCE / "Kbuild").read_text()
    if number > max(pieces(kbuild).values()):
        raise Problem(f"there is no chapter {number}")
    place = BUILD / "diff"
    shutil.rmtree(place, ignore_errors=True)
    names = [f"chapter{number - 1}", f"chapter{number}"]
    for chapter, name in zip((number - 1, number), names):
        write_chapter(kbuild, chapter, place / name)
    terminal = sys.stdout.isatty()
    diff = subprocess.run(["diff", "-urN", f"--color={'always' if terminal else 'never'}",
                           *names], cwd=place, stdout=subprocess.PIPE, check=False)
    if terminal and shutil.which("less"):
        subprocess.run(["less", "-FRX"], input=diff.stdout, check=False)
    else:
        sys.stdout.buffer.write(diff.stdout)
    return 0


if __name__ == "__main__":
    main(command)
