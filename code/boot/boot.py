#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Boots the VM, runs one command in it as root, and exits with the command's status.

    boot.py [options] [--] COMMAND [ARGUMENT ...]

COMMAND runs in /root of the VM with /kvmswap/bin in PATH.  One argument alone is taken
as a line of shell; several are passed as they are.  Its output is printed as it comes,
on stdout, the two streams as one; it sees a pipe, not a terminal, unless --tty.

Files for the VM (made new for each boot, on top of a cached base of busybox):

    --file HOST:VM      a file, or a folder with all in it; the shared libraries that a
                        program needs come along.  May be given many times.
    --chapter N         all that was built: build/bin/* in /kvmswap/bin, build/guests/*
                        in /kvmswap/guests, chapter N's module as /kvmswap/kvmswap.ko
    --pull VM:HOST      copies a file or folder of the VM back when the command ended
                        (whatever its status); HOST is the new file or folder

The VM has /proc, /sys, debugfs, tracefs, cgroup2 on /sys/fs/cgroup (memory switched
on), /tmp, and modprobe for zram, kvm and kvm-amd (never loaded by itself, so say
`modprobe kvm-amd npt=0`).

Exit status: the command's; 125 when the VM failed, and then stderr says why: a kernel
splat (a warning, a BUG, an oops, a stall ... anywhere on the console), a hang (nothing
printed for --silence seconds, or --timeout over), or no status.  On a kernel that finds
mistakes (6.1-debug, 6.1-kcsan ...) these two are multiplied by how much slower it is,
which the VM knows as $SLOWNESS.  At its end kmemleak is asked for leaks, where it is
there, with the module loaded and without.  130 after Ctrl-C.
The console is kept in build/log/NAME.console, the output in build/log/NAME.out.
"""

import argparse
import contextlib
import io
import os
import shlex
import shutil
import signal
import sys
import tarfile
import tempfile
from pathlib import Path

import initramfs
import replay
from common import BUILD, FAILED, Problem, kernel_dir, main, say, slowness
from machine import PORTS, Failure, Machine, raw_terminal, terminal_size

QEMU = "qemu-system-x86_64"
APPEND = ("console=ttyS0,115200 panic=-1 oops=panic random.trust_cpu=on "
          "mitigations=off ignore_loglevel nokaslr "
          "no_timer_check")  # on a busy machine QEMU's ticks come too late for that check
# ACPI's interpreter is so slow on those kernels that it gives up each device's interrupt after
# half a minute. Our devices have no use for one: they send messages (MSI).
SLOW_APPEND = "acpi=noirq"
# At boot Linux measures how fast the TSC counts. QEMU may get no processor just then, and one
# boot in fifty on a busy machine was wrong by a factor of 3 to 28. Until Linux noticed, its
# time ran as much too fast, and RCU took four seconds for a stall. HPET's rate is given.
CLOCK_APPEND = "tsc=unstable"

# An instruction is 2^4 ns of the VM's time, which knows nothing of the time out here.
ICOUNT = ["-icount", "shift=4,sleep=off", "-seed", "7",
          "-rtc", "base=2024-01-01T00:00:00,clock=vm"]


def parse(argv):
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default=os.environ.get("KERNEL", "6.1"),
        help="a name under build/kernel (%(default)s)")
    add("--name", default="vm", help="names the logs (%(default)s)")
    add("--file", action="append", default=[], metavar="HOST:VM")
    add("--chapter", type=int, metavar="N")
    add("--pull", action="append", default=[], metavar="VM:HOST")
    add("--env", action="append", default=[], metavar="NAME=VALUE")
    add("--tty", action="store_true", help="the VM's terminal is yours (Ctrl-] ends it)")
    add("--swap", type=int, metavar="MiB", help="swap on a virtio disk of this size")
    add("--memory", default="1024M", help="the VM's memory (%(default)s)")
    add("--smp", default="2", help="its processors (%(default)s)")
    add("--numa", action="store_true", help="two nodes: half of --memory and one processor each")
    add("--cpu", default="max", help="QEMU's -cpu (%(default)s)")
    add("--thread", choices=("single", "multi"),
        help="TCG's threads; gates run with single, soaks with multi (single, and multi for "
             "KCSAN, which sees only what two processors do at the very same time)")
    add("--icount", action="store_true",
        help="count instructions instead of time: one processor, every run the same")
    add("--record", metavar="FOLDER", help="record the run there, with one processor")
    add("--replay", metavar="FOLDER",
        help="run again what was recorded: give the other options as they were then")
    add("--snapshot", metavar="NAME", help="... from a snapshot that was taken in a replay")
    add("--silence", type=float, metavar="S",
        help="seconds without a word that count as a hang (60; 0 is never)")
    add("--timeout", type=float, metavar="S", help="seconds in all (600; 0 is no limit)")
    add("--append", action="append", default=[], help="more of a kernel command line")
    add("--harmless", action="append", default=[], metavar="REGEX",
        help="lines of the console that are no splat in this run, because it provokes them")
    add("--gdb", nargs="?", const="1234", metavar="PORT",
        help="listen for GDB on this port (1234), or on a socket of this path, and wait "
             "for it; no watchdog unless asked for")
    add("--gdb-later", action="store_true", help="... and do not wait: GDB may come later")
    add("--qemu-arg", action="append", default=[], metavar="ARG",
        help="one more argument for QEMU (write --qemu-arg=-S)")
    add("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if not options.command:
        parser.error("no command to run in the VM")
    options.recorded = options.record or options.replay
    for name in ("swap", "tty", "icount", "numa"):
        if options.recorded and getattr(options, name):
            parser.error(f"a run with --{name} cannot be recorded")
    if options.icount or options.recorded:
        options.smp = "1"
    if not options.thread:
        kcsan = options.kernel.endswith("-kcsan") and not options.icount
        options.thread = "multi" if kcsan else "single"
    options.slowness = slowness(options.kernel)
    waits = options.tty or options.gdb
    if options.silence is None:
        options.silence = 0 if waits else 60
    if options.timeout is None:
        options.timeout = 0 if waits else 600
    options.silence *= options.slowness
    options.timeout *= options.slowness
    return options


def pairs(texts, option):
    """Splits each A:B."""
    for text in texts:
        first, colon, second = text.partition(":")
        if not (first and colon and second):
            raise Problem(f"{option} {text}: wants two paths with a colon between")
        yield first, second


def files(options):
    """What goes into the VM, as pairs (path here, path there)."""
    out = []
    if options.chapter is not None:
        module = BUILD / options.kernel / f"chapter{options.chapter}" / "kvmswap.ko"
        out.append((module, "/kvmswap/kvmswap.ko"))
        out += [(path, f"/kvmswap/{path.parent.name}/{path.name}")
                for name in ("bin", "guests") for path in sorted((BUILD / name).glob("*"))
                if path.is_file() and path.suffix not in (".o", ".d", ".elf")]
    return out + list(pairs(options.file, "--file"))


def texts(options):
    """The two files that tell init what to do."""
    columns, lines = terminal_size()
    env = {"COLUMNS": columns, "LINES": lines, "TTY": "1" if options.tty else "",
           "SLOWNESS": options.slowness, "SWAP": "1" if options.swap else "",
           "TERM": os.environ.get("TERM", "dumb"),
           "SERIAL": " ".join(PORTS) if options.recorded else "",
           "PULL": " ".join(path.strip("/") for path, _ in pairs(options.pull, "--pull"))}
    for setting in options.env:
        name, equals, value = setting.partition("=")
        if not name.isidentifier() or not equals:
            raise Problem(f"--env {setting}: wants NAME=VALUE")
        env[name] = value
    command = options.command
    line = command[0] if len(command) == 1 else shlex.join(command)
    return {
        "/kvmswap/boot/env": ("".join(f"export {name}={shlex.quote(str(value))}\n"
                                      for name, value in env.items()), False),
        "/kvmswap/boot/command": (line + "\n", False),
    }


def numa(memory):
    """QEMU's arguments for two nodes, each with a socket of its own."""
    size, unit = memory[:-1], memory[-1]
    if unit not in "MG" or not size.isdigit():
        raise Problem(f"--numa wants --memory in M or G, not {memory}")
    half = int(size) * (1024 if unit == "G" else 1) // 2
    out = []
    for node in (0, 1):
        out += ["-object", f"memory-backend-ram,size={half}M,id=node{node}",
                "-numa", f"node,nodeid={node},cpus={node},memdev=node{node}"]
    return out


def qemu(options, image, disk, folder):
    """QEMU's command line, but for the channels."""
    kernel = kernel_dir(options.kernel)
    append = [APPEND, *options.append]
    if options.slowness > 1:
        append.append(SLOW_APPEND)
    if not options.icount and not options.recorded:     # there the time is QEMU's own
        append.append(CLOCK_APPEND)
    out = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none",
           "-M", "pc", "-accel", f"tcg,thread={options.thread}", "-cpu", options.cpu,
           "-smp", options.smp + (",sockets=2" if options.numa else ""), "-m", options.memory, "-no-reboot",
           "-kernel", str(kernel / "vmlinuz"), "-initrd", image,
           "-append", " ".join(append)]
    if options.numa:
        out += numa(options.memory)
    if options.icount:
        out += ICOUNT
    if options.recorded:
        out += replay.arguments(options, folder)
    if disk:
        out += ["-drive", f"if=none,id=swap,format=raw,cache=unsafe,file={disk}",
                "-device", "virtio-blk-pci,drive=swap"]
    if options.gdb:
        place = f"unix:{options.gdb}" if "/" in options.gdb else f"tcp:localhost:{options.gdb}"
        out += ["-gdb", f"{place},server=on,wait=off"] + ["-S"] * (not options.gdb_later)
    return out + options.qemu_arg


@contextlib.contextmanager
def gdb_session(options):
    """Leaves word for labs/gdb of which machine listens, as long as it does."""
    if not options.gdb:
        yield
        return
    name = options.gdb.rpartition("/")[2]
    note = BUILD / "gdb" / name
    note.parent.mkdir(exist_ok=True)
    where = options.gdb if "/" in options.gdb else f"localhost:{options.gdb}"
    chapter = "" if options.chapter is None else options.chapter
    note.write_text(f"kernel={options.kernel}\nchapter={chapter}\ntarget={where}\n")
    port = "" if name == "1234" else f" PORT={name}"
    say(f"gdb: {'listening' if options.gdb_later else 'waiting'}; in another terminal: "
        f"make gdb{port}")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def unpack(data, options):
    """Puts the files that the VM sent back where they are wanted; names the absent."""
    absent = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name.strip("/"): member for member in archive}
        for source, target in pairs(options.pull, "--pull"):
            source = source.strip("/")
            wanted = [name for name in members
                      if name == source or name.startswith(source + "/")]
            if not wanted:
                absent.append(source)
            for name in wanted:
                content = archive.extractfile(members[name])
                if content:
                    path = Path(target + name[len(source):])
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
    return absent


def report(failure, console, log):
    """Says what went wrong, with the console lines that show it."""
    lines = console.around_splat() if console.splats else console.tail()
    say(f"\nboot: FAILED: {failure}")
    say("boot: " + ("the console at that point:" if console.splats
                    else "the last lines of the console:"))
    for line in lines:
        say("  | " + line)
    say(f"boot: all of it is in {log}")


def boot(options, folder):
    """Runs the VM with temporary files in `folder`; returns the exit status."""
    kernel = kernel_dir(options.kernel)
    if not (kernel / "release").exists():
        raise Problem(f"{kernel} is missing: run `make kernel KERNEL={options.kernel}`")
    image = f"{options.recorded or folder}/initrd"
    disk = f"{folder}/swap" if options.swap else None
    arguments = qemu(options, image, disk, folder)
    if not options.replay:
        with open(image, "wb") as out:
            initramfs.write_image(out, kernel, files(options), texts(options))
    if disk:
        with open(disk, "wb") as out:
            out.truncate(options.swap << 20)
    logs = BUILD / "log"
    logs.mkdir(exist_ok=True)
    log = logs / f"{options.name}.console"
    restore = None
    with open(log, "wb") as kernel_log, open(logs / f"{options.name}.out", "wb") as out_log:
        try:
            machine = Machine(arguments, kernel_log, options.tty, options.silence,
                              options.timeout, out_log, options.slowness, options.harmless,
                              bool(options.recorded))
        except FileNotFoundError:
            raise Problem(f"{QEMU} is missing: apt install qemu-system-x86") from None
        try:
            if options.tty:
                restore = raw_terminal()
            status = machine.run()
        except Failure as failure:
            if restore:
                restore()
            report(failure, machine.console, log)
            return FAILED
        finally:
            machine.stop()
            if restore:
                restore()
    if options.pull:
        absent = unpack(bytes(machine.pulled), options)
        if absent:
            say(f"boot: not in the VM, so not pulled: {', '.join(absent)}")
            return status or FAILED
    return status


def scratch():
    """The place for temporary files, rid of those that a killed run left there."""
    place = BUILD / "tmp"
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob("boot.*"):
        if not Path("/proc", left.name.split(".")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    return place


def command():
    """The command line."""
    options = parse(sys.argv[1:])
    if options.tty and not os.isatty(0):
        raise Problem("--tty needs a terminal on stdin")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell's background job is started with Ctrl-C ignored: take it in all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prefix = f"boot.{os.getpid()}."
    with tempfile.TemporaryDirectory(dir=scratch(), prefix=prefix) as folder, \
            gdb_session(options):
        return boot(options, folder)


if __name__ == "__main__":
    main(command)
