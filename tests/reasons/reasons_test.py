#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Every reason for which the host takes a page, on each protocol, in one boot.

    reasons_test.py [--chapter N] [--protocols "NAME ..."] [ROW ...]

The module is loaded once for each protocol, and build/tests/reasons runs all rows, or
those named; then a few run on stock KVM, the oracle ("stock" as a protocol runs all
rows there).  A row that fails in the way it must is printed as "expected failure" and
counts as passed.  KERNEL in the environment names the kernel.  The output is kept in
build/log/reasons-KERNEL.out.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
PROTOCOLS = ("seqlock", "range", "interval")

# What the oracle is asked even in a run of all protocols.
STOCK_ROWS = ("hwpoison", "uffd-missing", "uffd-protect", "exec")

PREPARE = """
modprobe brd rd_nr=1 rd_size=32768 && mke2fs /dev/ram0 >/dev/null && mkdir /disk &&
	modprobe ext4 && mount -t ext4 /dev/ram0 /disk || { echo "no disk for files"; exit 1; }
bad=0
"""

KVMSWAP = """
insmod /t/kvmswap.ko {parameter} || exit 1
/t/reasons {protocol} /dev/kvmswap {rows} || bad=1
rmmod kvmswap || exit 1
"""

STOCK = """
modprobe kvm-amd npt=0 || exit 1
/t/reasons stock /dev/kvm {rows} || bad=1
rmmod kvm_amd kvm || exit 1
"""

ROW = re.compile(r"[a-z][a-z-]+( +(-|\d+)){8}  (ok|FAILED|expected failure)")
END = re.compile(r"reasons: (\w+): \d+ of \d+ rows are good")


def strip(module):
    """The module without what only debuggers read."""
    out = ROOT / f"build/tests/reasons-{KERNEL}.ko"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-debug", "-o", out, module], check=True)
    return out


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapter", type=int, default=8, metavar="N")
    parser.add_argument("--protocols", default="", metavar="NAMES")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    given = parser.parse_args()
    given.protocols = given.protocols.split()
    for name in given.protocols:
        if name not in PROTOCOLS + ("stock",):
            parser.error(f"there is no protocol {name}: say " + ", ".join(PROTOCOLS + ("stock",)))
    return given


def script(given, has_parameter):
    """What the VM does, and the runs that it must bring to an end."""
    all_of_them = PROTOCOLS if has_parameter else ("seqlock",)
    out, runs = PREPARE, []
    for name in given.protocols or all_of_them:
        if name == "stock":
            continue
        if name not in all_of_them:
            sys.exit(f"reasons: the module of chapter {given.chapter} has no protocol {name}")
        out += KVMSWAP.format(parameter=f"protocol={name}" if has_parameter else "",
                              protocol=name, rows=" ".join(given.rows))
        runs.append(name)
    if "stock" in given.protocols:
        out += STOCK.format(rows=" ".join(given.rows))
        runs.append("stock")
    elif not given.protocols:
        rows = [row for row in STOCK_ROWS if row in given.rows or not given.rows]
        if rows:
            out += STOCK.format(rows=" ".join(rows))
            runs.append("stock")
    return out + "exit $bad", runs


def main():
    """Boots the VM, prints what it prints, counts the rows."""
    given = arguments()
    module = ROOT / f"build/{KERNEL}/chapter{given.chapter}/kvmswap.ko"
    if not module.is_file():
        sys.exit(f"reasons: {module} is missing: run `make module{given.chapter}`")
    text, runs = script(given, b"parm=protocol:" in module.read_bytes())
    command = [ROOT / "code/boot/boot.py", "--name", f"reasons-{KERNEL}", "--numa",
               "--swap", "256", "--silence", "60", "--timeout", "600",
               "--file", f"{strip(module)}:/t/kvmswap.ko",
               "--file", f"{ROOT}/build/tests/reasons:/t/reasons", "--", text]
    passed = failed = 0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            row, end = ROW.match(line), END.match(line)
            if row and row.group(3) == "FAILED":
                failed += 1
            elif row:
                passed += 1
            if end:
                runs.remove(end.group(1))
    for name in runs:
        print(f"FAILED: the run on {name} did not come to its end")
        failed += 1
    if process.returncode and not failed:
        print(f"FAILED: the boot ended with status {process.returncode}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
