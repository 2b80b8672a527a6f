#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Boots a machine and starts GDB on it, to step through the race of two doors.

    race_lab.py [--batch FILE] CHAPTER ...

The machine loads the modules of these chapters one after another, and runs race.c on each;
race.py is what GDB does. With --batch nobody is asked, and FILE gets what was seen.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code" / "boot")]

import launch  # noqa: E402
from common import BUILD, ROOT, Problem, main  # noqa: E402

SCRIPT = """
for n in {chapters}; do
	insmod /kvmswap/chapter$n.ko || exit 120
	gdb-race || exit
	rmmod kvmswap || exit 121
done
"""
PATIENCE = 60  # seconds until the machine listens


def boot_command(kernel, chapters, socket):
    """boot.py's command line."""
    modules = [f"{BUILD}/{kernel}/chapter{n}/kvmswap.ko:/kvmswap/chapter{n}.ko" for n in chapters]
    return [ROOT / "code/boot/boot.py", "--kernel", kernel, "--name", "race-gdb", "--chapter",
            chapters[-1], "--swap", "256", "--gdb", socket,
            *[word for file in modules for word in ("--file", file)], "--",
            SCRIPT.format(chapters=" ".join(chapters))]


def wait_for(socket, machine, log):
    """Waits until the machine listens."""
    limit = time.monotonic() + PATIENCE
    while not Path(socket).exists():
        if machine.poll() is not None or time.monotonic() > limit:
            raise Problem(f"the machine did not start: see {log}")
        time.sleep(0.1)


def command():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", default=os.environ.get("KERNEL", "6.1"))
    parser.add_argument("--batch", metavar="FILE")
    parser.add_argument("chapters", nargs="+")
    options = parser.parse_args()
    if not all(chapter.isdigit() and int(chapter) >= 4 for chapter in options.chapters):
        raise Problem("the race begins with chapter 4, where the host may take a page back")
    log = BUILD / "log" / "race-gdb.boot"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD / "tmp", prefix="gdb.") as folder, \
            open(log, "wb") as out:
        socket = f"{folder}/race"
        machine = subprocess.Popen(boot_command(options.kernel, options.chapters, socket),
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)  # Ctrl-C is GDB's
        try:
            wait_for(socket, machine, log)
            extra = ["-batch"] if options.batch else []
            line, environment = launch.arguments(
                "race", os.environ.get("VMLINUX"), options.chapters,
                [*extra, "-x", str(HERE / "race.py")])
            environment["KVMSWAP_RACES"] = " ".join(options.chapters)
            if options.batch:
                environment["KVMSWAP_RECORD"] = options.batch
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.run(line, env=environment, check=False).returncode
        finally:
            machine.terminate()
            machine.wait()


if __name__ == "__main__":
    main(command)
