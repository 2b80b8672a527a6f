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


def boot_arguments(kernel, chapters):
    """What boot.py is told, but for where to listen."""
    modules = [f"{BUILD}/{kernel}/chapter{n}/kvmswap.ko:/kvmswap/chapter{n}.ko" for n in chapters]
    return ["--kernel", kernel, "--chapter", chapters[-1], "--swap", "256",
            *[word for file in modules for word in ("--file", file)], "--",
            SCRIPT.format(chapters=" ".join(chapters))]


def wait_for(socket, machine, log):
    """Waits until the machine listens."""
    limit = time.monotonic() + PATIENCE
    while not Path(socket).exists():
        if machine.poll() is not None or time.monotonic() > limit:
            raise Problem(f"the machine did not start: see {log}")
        time.sleep(0.1)


def session(name, boot, chapters, script, record=None, environment=(), quiet=False):
    """Boots a machine that waits, and runs GDB on it; returns GDB's exit status.

    name: of the session, a word; boot: what boot.py is told; chapters: whose modules the
    machine may load; script: what GDB is to read; record: where it writes down what it saw,
    and then nobody is asked; environment: more of GDB's; quiet: GDB prints to the log.
    """
    log = BUILD / "log" / f"{name}.boot"
    log.parent.mkdir(parents=True, exist_ok=True)
    (BUILD / "tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD / "tmp", prefix="gdb.") as folder, \
            open(log, "wb") as out:
        socket = f"{folder}/{name}"
        machine = subprocess.Popen(
            [ROOT / "code/boot/boot.py", "--name", name, "--gdb", socket, *boot],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True)  # Ctrl-C is GDB's
        try:
            wait_for(socket, machine, log)
            line, settings = launch.arguments(
                name, os.environ.get("VMLINUX"), chapters,
                [*["-batch"] * bool(record), "-x", str(HERE / script)])
            settings.update(environment)
            if record:
                settings["KVMSWAP_RECORD"] = str(record)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.run(line, env=settings, check=False,
                                  stdout=out if quiet else None).returncode
        finally:
            machine.terminate()
            machine.wait()


def command():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", default=os.environ.get("KERNEL", "6.1"))
    parser.add_argument("--batch", metavar="FILE")
    parser.add_argument("chapters", nargs="+")
    options = parser.parse_args()
    if not all(chapter.isdigit() and int(chapter) >= 4 for chapter in options.chapters):
        raise Problem("the race begins with chapter 4, where the host may take a page back")
    return session("race-gdb", boot_arguments(options.kernel, options.chapters),
                   options.chapters, "race.py", options.batch,
                   {"KVMSWAP_RACES": " ".join(options.chapters)})


if __name__ == "__main__":
    main(command)
