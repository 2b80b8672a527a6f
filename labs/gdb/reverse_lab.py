#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Records a boot in which the race happens, and starts GDB on it, to go through it backwards.

    reverse_lab.py [--batch FILE]

The boot is that of chapter 4's race, with one processor: the module's pause point holds the
fault, as in the demo. The recording is kept, build/gdb/replay-KERNEL-KEY, until something that
it was made from changes; in it is a snapshot from shortly before the race. reverse.py is what
GDB does. With --batch nobody is asked, and FILE gets what was seen.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code" / "boot")]

import race_lab  # noqa: E402
from common import BUILD, ROOT, Problem, kernel_dir, main, say  # noqa: E402

CHAPTER = "4"
NAME = "race-reverse"
SNAPSHOT = "race"  # as reverse_snapshot.py names it
COMMAND = "insmod /kvmswap/kvmswap.ko && race-demo"
MEMORY = "512M"  # a snapshot is as large as what the VM uses of it

# What a recording depends on, beside the kernel, the module and the program.
SOURCES = ("code/boot/boot.py", "code/boot/cpio.py", "code/boot/init", "code/boot/initramfs.py",
           "code/boot/machine.py", "code/boot/replay.py", "labs/gdb/reverse_lab.py",
           "labs/gdb/reverse_snapshot.py")


def inputs(kernel):
    """The files of the boot: path here -> path in the VM."""
    return {BUILD / kernel / f"chapter{CHAPTER}" / "kvmswap.ko": "/kvmswap/kvmswap.ko",
            BUILD / "bin" / "race-demo": "/kvmswap/bin/race-demo"}


def key(kernel):
    """A name for all that a recording is made from."""
    digest = hashlib.sha256(subprocess.run(["qemu-system-x86_64", "--version"], check=True,
                                           stdout=subprocess.PIPE).stdout)
    for path in (kernel_dir(kernel) / "vmlinuz", *inputs(kernel), *map(ROOT.joinpath, SOURCES)):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except FileNotFoundError:
            raise Problem(f"{path} is missing: run `make race-reverse`") from None
    return digest.hexdigest()[:12]


def boot_arguments(kernel, *more):
    """What boot.py is told, in every run."""
    files = [word for here, there in inputs(kernel).items()
             for word in ("--file", f"{here}:{there}")]
    return ["--kernel", kernel, "--chapter", CHAPTER, "--memory", MEMORY, *files, *more, "--",
            COMMAND]


def record(kernel, place):
    """Makes the recording, and the snapshot in it."""
    say("race-reverse: recording a boot, and running it again up to the race for a snapshot; "
        "then they are kept")
    with tempfile.TemporaryDirectory(dir=BUILD / "tmp", prefix="replay.") as folder:
        done = subprocess.run(
            [ROOT / "code/boot/boot.py", "--name", f"{NAME}-record", "--timeout", "300",
             *boot_arguments(kernel, "--record", f"{folder}/recording")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise Problem("the boot to be recorded failed: see "
                          f"{BUILD}/log/{NAME}-record.console, and .out")
        taken = Path(folder) / "taken"
        race_lab.session(f"{NAME}-snapshot",
                         boot_arguments(kernel, "--replay", f"{folder}/recording"), [CHAPTER],
                         "reverse_snapshot.py", taken, quiet=True)
        if not taken.exists():
            raise Problem("the recording could not be run again up to the race: see "
                          f"{BUILD}/log/{NAME}-snapshot.boot")
        for old in place.parent.glob(f"replay-{kernel}-*"):
            shutil.rmtree(old, ignore_errors=True)
        try:
            os.rename(f"{folder}/recording", place)
        except OSError:
            if not place.exists():  # another run may have made it meanwhile
                raise


def command():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", default=os.environ.get("KERNEL", "6.1"))
    parser.add_argument("--batch", metavar="FILE")
    options = parser.parse_args()
    place = BUILD / "gdb" / f"replay-{options.kernel}-{key(options.kernel)}"
    (BUILD / "tmp").mkdir(exist_ok=True)
    place.parent.mkdir(exist_ok=True)
    if not place.exists():
        record(options.kernel, place)
    return race_lab.session(
        NAME, boot_arguments(options.kernel, "--replay", place, "--snapshot", SNAPSHOT),
        [CHAPTER], "reverse.py", options.batch)


if __name__ == "__main__":
    main(command)
