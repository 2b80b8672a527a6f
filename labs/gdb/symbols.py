#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Makes the kernel's symbols for GDB; prints the file's path.

    symbols.py KERNEL

The kernel's package has no symbols: its System.map is empty, and those with debug
information are a package of 850 MB. But the running kernel knows the names of its
functions and variables: one boot without address randomization prints them. The file is
kept, build/gdb/kernel-RELEASE-HASH.elf, until the kernel changes.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code" / "boot")]

from common import BUILD, ROOT, Problem, kernel_dir, main, say  # noqa: E402
from ks import elf  # noqa: E402

FEWEST = 10000  # symbols that a kernel has at least


def path_for(kernel):
    """Where the symbols of this kernel are kept."""
    folder = kernel_dir(kernel)
    if not (folder / "release").exists():
        raise Problem(f"{folder} is missing: run `make kernel KERNEL={kernel}`")
    digest = hashlib.sha256((folder / "vmlinuz").read_bytes()).hexdigest()[:12]
    return BUILD / "gdb" / f"kernel-{(folder / 'release').read_text().strip()}-{digest}.elf"


def parse(text):
    """The kernel's own lines of kallsyms: tuples (address, letter, name)."""
    rows = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:  # a fourth would be a module's name
            rows.append((int(fields[0], 16), fields[1], fields[2]))
    return rows


def fetch(kernel, target):
    """Boots once, and writes what the kernel knows."""
    say(f"gdb: the symbols of {target.stem[7:]}: one boot, then they are kept")
    text = target.with_suffix(f".{os.getpid()}")
    try:
        subprocess.run(
            [ROOT / "code/boot/boot.py", "--kernel", kernel, "--name", "symbols",
             "--timeout", "180", "--pull", f"/tmp/kallsyms:{text}", "--",
             "cat /proc/kallsyms > /tmp/kallsyms"], stdin=subprocess.DEVNULL, check=True)
        rows = parse(text.read_text())
        if len(rows) < FEWEST or not any(row[0] for row in rows):
            raise Problem(f"the kernel named {len(rows)} symbols; it wants CONFIG_KALLSYMS_ALL")
        text.write_bytes(elf.symbol_file(rows))
        text.replace(target)
    except subprocess.CalledProcessError:
        raise Problem("the boot that asks the kernel for its symbols failed") from None
    finally:
        text.unlink(missing_ok=True)


def command():
    """The command line."""
    if len(sys.argv) != 2:
        raise Problem("wants a kernel's name under build/kernel, such as 6.1")
    target = path_for(sys.argv[1])
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch(sys.argv[1], target)
    print(target)
    return 0


if __name__ == "__main__":
    main(command)
