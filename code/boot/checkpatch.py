#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs the kernel's checkpatch, in its strict mode, over all C and assembly files.

checkpatch.pl is part of the kernel's source only, so that package is downloaded once,
and three files of it are kept in build/checkpatch.  A complaint fails, unless a comment on
the line, or up to six lines above it, defends it with the word "checkpatch(TYPE):" and
a reason.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import apt
from common import BUILD, ROOT, Problem, main, say

PLACE = BUILD / "checkpatch"
FILES = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")

# Kinds of complaint that are not about some of the files, by the files they leave alone.
IGNORED = (
    (r"", (
        "FILE_PATH_CHANGES",    # about patches that add files, not about files
        "LINUX_VERSION_CODE",   # a module outside the kernel's tree has to ask for it
    )),
    (r"(?!kernel-module/)", (   # programs do not have the kernel's macros and types
        "PREFER_KERNEL_TYPES", "BIT_MACRO", "ARRAY_SIZE", "MINMAX", "CONST_READ_MOSTLY",
        "PREFER_DEFINED_ATTRIBUTE_MACRO", "STRLCPY", "CONSIDER_KSTRTO", "SSCANF_TO_KSTRTO",
        "ENOSYS", "DEVICE_ATTR_FUNCTIONS", "USLEEP_RANGE", "PREFER_FALLTHROUGH",
        "EMBEDDED_FUNCTION_NAME",   # an instruction inside the function named after it
    )),
    (r"code/host/include/", (   # stand-ins for the kernel's macros have their shapes
        "MACRO_ARG_REUSE", "MACRO_ARG_PRECEDENCE", "COMPLEX_MACRO", "NEW_TYPEDEFS",
        "MULTISTATEMENT_MACRO_USE_DO_WHILE", "SINGLE_STATEMENT_DO_WHILE_MACRO",
        "TRAILING_SEMICOLON", "VOLATILE", "MEMORY_BARRIER", "UNCOMMENTED_DEFINITION",
        "IS_ENABLED_CONFIG", "MACRO_WITH_FLOW_CONTROL", "CAMELCASE",
    )),
    (r"(code/guests|tests/guest|tests/reasons|chapters)/", (
        "VOLATILE",             # that memory is really touched is the point of it
        "AVOID_EXTERNS",        # symbols that only the linker script or assembly defines
    )),
    (r"tests/guest/", (
        "PARENTHESIS_ALIGNMENT",    # CODE(): lines of assembly one below the other
        "CAMELCASE",            # cmocka's types
    )),
    (r"kernel-module/trace\.h", (   # the layout that all TRACE_EVENT headers share
        "OPEN_ENDED_LINE", "PARENTHESIS_ALIGNMENT",
    )),
)


def fetch():
    """Takes checkpatch out of Debian's package of the kernel's source."""
    names = apt.names(r"linux-source-6\.\d+")
    if not names:
        apt.update()
        names = apt.names(r"linux-source-6\.\d+")
    if not names:
        raise Problem("apt knows no linux-source package, which holds checkpatch.pl. Put "
                      f"{', '.join(FILES)} of a kernel's scripts/ folder into {PLACE}")
    name = "linux-source-6.1" if "linux-source-6.1" in names else sorted(names)[-1]
    say(f"checkpatch: downloading {name} (140 MB) for it; this is done once")
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
        package = apt.download([name], Path(folder))[0]
        subprocess.run(
            f"dpkg-deb --fsys-tarfile '{package}' | tar -xO --wildcards '*.tar.xz' | "
            "xz -dcT2 | tar -x --strip-components=2 "
            + " ".join(f"{name}/scripts/{file}" for file in FILES),
            shell=True, cwd=folder, check=True)
        package.unlink()
        part = Path(folder) / "scripts"
        part.mkdir()
        for file in FILES:
            shutil.move(f"{folder}/{file}", part / file)
        part.rename(PLACE)


def sources(arguments):
    """The files to check: those named, or all in the repository."""
    if arguments:
        return arguments
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                          "*.c", "*.h", "*.S"], cwd=ROOT, stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    return [name for name in out.split() if (ROOT / name).exists()]


def defended(line, kind):
    """Whether this kind of complaint is no matter here, or the source defends it."""
    path, number = line.split(":")[:2]
    if any(re.match(files, path) and kind in kinds for files, kinds in IGNORED):
        return True
    lines = (ROOT / path).read_text().splitlines()
    near = "\n".join(lines[max(0, int(number) - 7):int(number)])
    return f"checkpatch({kind}):" in near


def command():
    """The command line."""
    if not (PLACE / FILES[0]).exists():
        fetch()
    files = sources(sys.argv[1:])
    if not files:
        raise Problem("there is no C file to check")
    # It leaves a file of what git told it in the current folder, so that is not ours.
    result = subprocess.run(
        ["perl", PLACE / FILES[0], "--no-tree", "--strict", "--terse", "--show-types",
         "--no-summary", "-f", *(ROOT / file for file in files)],
        cwd=PLACE, env=dict(os.environ, GIT_DIR=str(ROOT / ".git")), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    complaints = []
    for line in result.stdout.replace(f"{ROOT}/", "").splitlines():
        match = re.match(r"\S+:\d+: (ERROR|WARNING|CHECK):(\w+): ", line)
        if match and not defended(line, match.group(2)):
            complaints.append(line)
        elif not match and line.strip():
            complaints.append(line)  # checkpatch itself has a problem
    for line in complaints:
        print(line)
    bad = {line.split(":")[0] for line in complaints}
    print(f"checkpatch: {len(files) - len(bad)} passed, {len(bad)} failed (files)")
    return 1 if complaints else 0


if __name__ == "__main__":
    main(command)
