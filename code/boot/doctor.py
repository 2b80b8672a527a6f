#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Checks each tool that the project uses, and its version; names the fix for each.

Exit status 0 when all is well, 1 otherwise.  The list is in tools.py.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from common import BUILD, ROOT, main, kernel_dir
from tools import PROGRAMS

GOOD, BAD, NEWS = "ok", "FIX", "--"


def version(program, arguments):
    """The version a program prints, as a tuple, and as text."""
    result = subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace",
                            check=False)
    match = re.search(r"\d+(\.\d+)+|\b\d+\b", result.stdout)
    if not match:
        return (), "unknown"
    return tuple(int(part) for part in match.group().split(".")), match.group()


def check_program(group, program, arguments, least, package):
    """One row: (verdict, what, detail)."""
    what = f"{program} ({group})"
    path = shutil.which(program)
    if not path:
        return BAD, what, f"missing: apt install {package}"
    found, text = version(path, arguments)
    if found < least:
        need = ".".join(map(str, least))
        return BAD, what, f"{text} is too old, {need} is needed: apt install {package}"
    return GOOD, what, text


def check_breathe():
    """Breathe is a Python module, for the system's own Python."""
    if importlib.util.find_spec("breathe"):
        return GOOD, "breathe (docs)", "there"
    return BAD, "breathe (docs)", "missing: apt install python3-breathe"


def check_busybox():
    """The VM's busybox must not need libraries."""
    path = Path("/bin/busybox")
    if path.exists() and b"/ld-linux" in path.read_bytes()[:4096]:
        return BAD, "static busybox (vm)", "it is a dynamic one: apt install busybox-static"
    return GOOD, "static busybox (vm)", "no libraries"


def check_cmocka():
    """cmocka is a library: look for its header."""
    if Path("/usr/include/cmocka.h").exists():
        return GOOD, "cmocka (test)", "there"
    return BAD, "cmocka (test)", "missing: apt install libcmocka-dev"


def check_svm():
    """QEMU must be able to emulate a processor with AMD SVM."""
    if not shutil.which("qemu-system-x86_64"):
        return BAD, "SVM in QEMU (vm)", "no QEMU: apt install qemu-system-x86"
    text = subprocess.run(["qemu-system-x86_64", "-cpu", "help"], text=True,
                          stdout=subprocess.PIPE, check=False).stdout
    if re.search(r"\bsvm\b", text):
        return GOOD, "SVM in QEMU (vm)", "emulated (TCG); /dev/kvm is not needed"
    return BAD, "SVM in QEMU (vm)", "this QEMU has no SVM: apt install qemu-system-x86"


def check_space():
    """The build folder wants some room."""
    place = BUILD if BUILD.exists() else ROOT
    free = shutil.disk_usage(place).free >> 20
    if free < 2048 and not (BUILD / "kernel").exists():
        return BAD, "disk space", f"{free} MiB free, 2048 wanted for {BUILD}"
    return GOOD, "disk space", f"{free} MiB free"


def check_kernel():
    """Not a fault when it is absent: make fetches it."""
    kernel = os.environ.get("KERNEL", "6.1")
    release = kernel_dir(kernel) / "release"
    if release.exists():
        return GOOD, f"kernel {kernel}", release.read_text().strip()
    return NEWS, f"kernel {kernel}", "not fetched yet; `make kernel` does it"


def command():
    """The command line."""
    rows = [check_program(*row) for row in PROGRAMS]
    rows += [check_cmocka(), check_breathe(), check_busybox(), check_svm(),
             check_space(), check_kernel()]
    for verdict, what, detail in rows:
        print(f"{verdict:4} {what:32} {detail}")
    bad = sum(verdict == BAD for verdict, _, _ in rows)
    print(f"{len(rows) - bad} good, {bad} to fix"
          + (" (`make setup` installs what Debian has)" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    main(command)
