#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Builds the module as a chapter has it, against unpacked headers.

    module.py KERNEL CHAPTER [--source FOLDER] [--sparse]

Works in build/KERNEL/chapterN, a folder of symbolic links to kernel-module/*, so that
the objects of two chapters never mix and no source is copied; what did not change is
not built again.  A warning, of the compiler, objtool or modpost, is an error; with
--sparse, so is one of sparse's about our files.
"""

import argparse
import fcntl
import os
import re
import subprocess
from pathlib import Path

from common import BUILD, ROOT, Problem, kernel_dir, main, say

WARNING = re.compile(r"\b(warning|error|WARNING|ERROR): ")
# Warnings that are about this set-up, and not about the module.
HARMLESS = re.compile(r"Skipping BTF generation"
                      r"|the compiler differs from the one used to build the kernel")


def link_sources(source, target):
    """Makes `target` a folder of links to the files of `source`."""
    target.mkdir(exist_ok=True)
    wanted = {path.name: path.resolve() for path in source.iterdir() if path.is_file()
              and not path.name.startswith(".")}
    for path in target.iterdir():
        if path.is_symlink() and wanted.get(path.name) != path.resolve():
            path.unlink()
    for name, path in wanted.items():
        link = target / name
        if not link.is_symlink():
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(path, target))


def make_command(kernel, target, arguments):
    """make's command line for modules in a folder outside the kernel's tree."""
    headers = (kernel / "headers").resolve()
    out = ["make", "-C", str(headers)]
    # Debian's headers name their other half by the place they are installed to; they
    # are not installed, so name it here instead.
    if headers.name.startswith("linux-headers-"):
        flavour = headers.name.rpartition("-")[2]
        common = headers.with_name(headers.name.removesuffix(flavour) + "common")
        if (common / "Makefile").exists():
            out += ["-f", str(common / "Makefile")]
    return out + [f"M={target}", f"-j{min(os.cpu_count() or 1, 4)}", *arguments]


def discard(target):
    """Drops the objects, so that a warning shows again, and fails again, next time."""
    for path in target.rglob("*"):
        if path.suffix in (".o", ".ko", ".cmd") and not path.is_symlink():
            path.unlink()


def build(kernel, chapter, source, sparse=False):
    """Builds chapter N; returns the module's path."""
    if not (kernel / "release").exists():
        raise Problem(f"{kernel} is missing: run `make kernel KERNEL={kernel.name}`")
    if not (source / "Kbuild").is_file():
        raise Problem(f"{source}/Kbuild: no such file, so there is no module to build")
    target = BUILD / kernel.name / f"chapter{chapter}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{target}.lock", "wb") as lock:  # one build at a time of each chapter
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_in(target, kernel, chapter, source, sparse)


def build_in(target, kernel, chapter, source, sparse):
    """Builds chapter N in its folder, which is ours alone meanwhile."""
    link_sources(source, target)
    arguments = [f"CHAPTER={chapter}", "KCFLAGS=-Werror", "modules"]
    if sparse:
        arguments += ["C=2", "CHECK=sparse"]
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
                                   "CHAPTER", "KERNEL", "M", "O", "V")}
    environment["LC_ALL"] = "C"
    result = subprocess.run(make_command(kernel, target, arguments), env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    shown = f"{source.relative_to(ROOT)}/" if source.is_relative_to(ROOT) else f"{source}/"
    lines = result.stdout.replace(f"{target}/", shown).splitlines()
    for line in lines:
        if not re.match(r"make(\[\d+\])?: (Entering|Leaving) directory", line) \
                and not HARMLESS.search(line):
            say("  " + line.strip())
    found = [line for line in lines if WARNING.search(line) and not HARMLESS.search(line)]
    if result.returncode or found:
        if not result.returncode and not sparse:
            discard(target)
        raise Problem(f"chapter {chapter}'s module for {kernel.name} "
                      + ("does not build" if result.returncode else
                         f"builds with {len(found)} warnings, and has to have none"))
    return target / "kvmswap.ko"


def command():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernel", help="a name under build/kernel")
    parser.add_argument("chapter", type=int)
    parser.add_argument("--source", type=Path, default=ROOT / "kernel-module")
    parser.add_argument("--sparse", action="store_true")
    given = parser.parse_args()
    build(kernel_dir(given.kernel), given.chapter, given.source.resolve(), given.sparse)
    return 0


if __name__ == "__main__":
    main(command)
