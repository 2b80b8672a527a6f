#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Prints compile_commands.json for clangd: the module's files and the programs'.

    compile_commands.py KERNEL CHAPTER

For the module it reads the .cmd files that the kernel's build leaves, for the programs
what make would run to build them all.
"""

import json
import re
import subprocess
import sys

from common import BUILD, ROOT, Problem, kernel_dir, main


def module_entries(kernel, chapter):
    """How each file of the module was compiled."""
    target = BUILD / kernel / f"chapter{chapter}"
    headers = (kernel_dir(kernel) / "headers").resolve()
    for path in sorted(target.glob(".*.o.cmd")):
        match = re.match(r"(?:saved)?cmd_\S+ := (.*)", path.read_text())
        source = match and re.search(rf"{re.escape(str(target))}/(\S+\.[cS])\b(?!\S)",
                                     match.group(1))
        if not source or not (ROOT / "kernel-module" / source.group(1)).exists():
            continue
        command = match.group(1).split(" ; ")[0].replace(
            source.group(0), str(ROOT / "kernel-module" / source.group(1)))
        yield {"directory": str(headers), "command": command.replace("\\#", "#"),
               "file": str(ROOT / "kernel-module" / source.group(1))}


def program_entries():
    """How make would compile each C file of the programs."""
    text = subprocess.run(["make", "-nBs", "programs", "NO_SETUP=1"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"^.*?&&\s*(?=\S*gcc|cc )", "", line.strip())
        if re.match(r"(\S*gcc|cc)\s", line):
            for source in re.findall(r"(?<=\s)[^\s=]+\.[cS](?=\s|$)", line):
                yield {"directory": str(ROOT), "command": line,
                       "file": str((ROOT / source).resolve())}


def command():
    """The command line."""
    if len(sys.argv) != 3:
        raise Problem("wants a kernel and a chapter")
    entries = [*module_entries(sys.argv[1], sys.argv[2]), *program_entries()]
    print(json.dumps(entries, indent=1))
    return 0


if __name__ == "__main__":
    main(command)
