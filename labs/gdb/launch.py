#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Starts GDB on the machine that `make shell-gdb`, `run-gdb` or `chapterN-gdb` boots.

    launch.py [--port PORT] [--vmlinux FILE] [GDB'S ARGUMENTS ...]

Which kernel and which chapter the machine has is in the file that boot.py leaves there
(build/gdb/PORT). --vmlinux takes the kernel's symbols from a file with debug information
instead, such as /usr/lib/debug/boot/vmlinux-RELEASE of the package linux-image-RELEASE-dbg.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code" / "boot")]

import symbols  # noqa: E402
from common import BUILD, Problem, main  # noqa: E402


def session(port):
    """What boot.py wrote: (kernel, chapter, where it listens)."""
    path = BUILD / "gdb" / str(port)
    try:
        fields = dict(line.split("=", 1) for line in path.read_text().splitlines())
        return fields["kernel"], fields["chapter"], fields["target"]
    except (FileNotFoundError, KeyError, ValueError):
        raise Problem(f"no machine waits at port {port}: in another terminal, start one with "
                      "`make shell-gdb`, `make run-gdb` or `make chapter4-gdb`") from None


def arguments(port, vmlinux, chapters, rest):
    """GDB's command line and environment."""
    kernel, chapter, target = session(port)
    if not chapters and not chapter:
        raise Problem("the machine was booted without a module: say which with --chapters N")
    modules = [BUILD / kernel / f"chapter{number}" / "kvmswap.ko"
               for number in chapters or [chapter]]
    for module in modules:
        if not module.exists():
            raise Problem(f"{module} is missing: run `make module CHAPTER=N`")
    if vmlinux and not Path(vmlinux).exists():
        raise Problem(f"{vmlinux}: no such file; with the package linux-image-RELEASE-dbg it is "
                      "/usr/lib/debug/boot/vmlinux-RELEASE")
    image = Path(vmlinux) if vmlinux else symbols.path_for(kernel)
    if not vmlinux and not image.exists():
        image.parent.mkdir(parents=True, exist_ok=True)
        symbols.fetch(kernel, image)
    if not shutil.which("gdb"):
        raise Problem("gdb is missing: apt install gdb")
    environment = {**os.environ, "KVMSWAP_MODULE": ":".join(map(str, modules)), "KVMSWAP_TARGET": target,
                   "KVMSWAP_BUILD": str(BUILD)}
    return ["gdb", "-q", "-nx", str(image), "-x", str(HERE / "start.py"), *rest], environment


def command():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", default="1234")
    parser.add_argument("--vmlinux", default=os.environ.get("VMLINUX", ""))
    parser.add_argument("--chapters", metavar="N,N...", type=lambda text: text.split(","),
                        help="the machine may load the module of any of these chapters")
    options, rest = parser.parse_known_args()
    line, environment = arguments(options.port, options.vmlinux, options.chapters, rest)
    os.execvpe(line[0], line, environment)


if __name__ == "__main__":
    main(command)
