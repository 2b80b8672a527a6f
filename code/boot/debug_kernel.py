#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Builds the kernels that find mistakes, from Debian's linux-source package.

    debug_kernel.py NAME ...        6.1-debug, 6.1-kcsan, 6.12-debug, 6.12-kcsan

The configuration is debug/base.config, debug/KIND.config, and debug/SERIES.config if there
is one, beside this file, and "no" to everything else.  A kernel is made again when the
package has a new version, or one of its files changed, and not otherwise:
build/kernel/NAME/made-from says what it is made from.  The folder has what kernel.py
promises, so that a debug kernel is a kernel like any other: KERNEL=6.1-debug.  The source is
unpacked as build/kernel/source-SERIES.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import apt
from common import BUILD, Problem, kernel_dir, main, say, slowness

FRAGMENTS = Path(__file__).resolve().parent / "debug"
NEEDED = ("gcc", "make", "flex", "bison", "bc", "xz", "perl")
NAME = re.compile(r"(\d+\.\d+)-(debug|kcsan)")

# Linux 6.1 has the filter that makes one place's allocations fail, but offers it for all
# of x86 except its 64-bit half.  6.12 no longer makes this exception, nor do we.
MENDS = (("lib/Kconfig.debug", re.compile(
    r"(config FAULT_INJECTION_STACKTRACE_FILTER\n(?:\t.*\n)*?)\tdepends on !X86_64\n"), r"\1"),)

# Code that these kernels have no use for stays in the package: 1.1 GB of 1.5.
UNUSED = tuple(f"arch/{name}" for name in (
    "alpha", "arc", "arm", "arm64", "csky", "hexagon", "ia64", "loongarch", "m68k", "microblaze",
    "mips", "nios2", "openrisc", "parisc", "powerpc", "riscv", "s390", "sh", "sparc", "um",
    "xtensa")) + tuple(f"drivers/{name}" for name in (
        "gpu/drm", "net/ethernet", "net/wireless", "media", "infiniband", "scsi", "staging", "usb", "iio", "hwmon", "clk",
        "pinctrl", "soc", "phy", "spi", "i2c", "input", "mfd", "regulator", "power")) + tuple(
            f"fs/{name}" for name in ("ntfs3", "xfs", "btrfs", "ocfs2", "nfs", "cifs", "ceph",
                                      "f2fs")) + ("sound", "tools/testing")


def is_ours(name):
    """Is this the name of a kernel that is built here?"""
    return NAME.fullmatch(name) is not None


def unpack(package, version, source):
    """Downloads the source package and unpacks the kernel's tree as `source`."""
    say(f"debug-kernel: downloading {package} {version} (140 MB)")
    source.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        deb = apt.download([package], Path(folder))[0]
        say("debug-kernel: unpacking it (400 MB)")
        leave = " ".join(f"--exclude='{package}/{name}/*.{end}'" for name in UNUSED
                         for end in ("c", "h", "S", "dts", "dtsi"))
        leave += f" --exclude='{package}/Documentation/*.rst' --exclude='{package}/*.yaml'"
        part = Path(folder) / "part"
        part.mkdir()
        subprocess.run(f"dpkg-deb --fsys-tarfile '{deb}' | tar -xO --wildcards '*.tar.xz' | "
                       f"xz -dcT2 | tar -x --strip-components=1 {leave} -C '{part}'",
                       shell=True, check=True)
        if not (part / "Kconfig").exists():
            raise Problem(f"{package} {version} has no kernel source in it")
        for name, pattern, text in MENDS:
            path = part / name
            path.write_text(pattern.sub(text, path.read_text()))
        (part / "debian-version").write_text(version + "\n")
        if source.exists():
            shutil.rmtree(source)
        part.rename(source)


def find_source(series):
    """The unpacked source of a series, in the newest version that apt has; (path, version)."""
    package = f"linux-source-{series}"
    source = BUILD / "kernel" / f"source-{series}"
    mark = source / "debian-version"
    have = mark.read_text().strip() if mark.exists() else None
    try:
        newest = apt.version(package)
        if not newest and not have:
            apt.update()
            newest = apt.version(package)
    except apt.AptMissing:
        newest = None
    if not newest and not have:
        raise Problem(f"apt has no package {package}, from which this kernel is built. Add the "
                      "part of Debian that has it to /etc/apt/sources.list (bookworm-backports "
                      f"for 6.12), or unpack that kernel's source as {source} and write its "
                      f"version into {mark}.")
    if newest and newest != have:
        with open(f"{source}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not mark.exists() or mark.read_text().strip() != newest:
                unpack(package, newest, source)
        have = newest
    return source, have


def config_text(series, kind):
    """The fragments, and the end of the kernel's release."""
    paths = [FRAGMENTS / f"{name}.config" for name in ("base", kind, series)]
    return "".join(path.read_text() for path in paths if path.exists()) + \
        f'CONFIG_LOCALVERSION="-{kind}"\n'


def check_config(source, wanted, found):
    """Each option that the kernel knows must be as the fragments want it."""
    known = set()
    for path in source.rglob("Kconfig*"):
        known |= set(re.findall(r"^\s*(?:menu)?config (\w+)", path.read_text(errors="replace"), re.M))
    have = dict(re.findall(r"^CONFIG_(\w+)=(.*)$", found, re.M))
    bad = [f"CONFIG_{name}: wanted {value}, is {have.get(name, 'n')}"
           for name, value in re.findall(r"^CONFIG_(\w+)=(.*)$", wanted, re.M)
           if name in known and have.get(name, "n") != value]
    if bad:
        raise Problem("the kernel cannot be configured as code/boot/debug wants it:\n  "
                      + "\n  ".join(bad))


def run(command, log):
    """Runs a step of the build; its output goes to the log."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS", "KERNEL", "LAST"))}
    environment["LC_ALL"] = "C"
    with open(log, "ab") as out:
        status = subprocess.run(["nice", "-n", "5", *command], env=environment, stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        lines = log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if re.search(r"\berror\b|\*\*\*|not found", line, re.I)]
        raise Problem(f"`{' '.join(command[:3])} ...` failed; its errors (all of it: {log}):\n  "
                      + "\n  ".join((errors or lines)[-15:]))


def compile_kernel(name, config, source, folder):
    """Configures and compiles in `folder`/tree; returns the release."""
    tree, log = folder / "tree", BUILD / "log" / f"kernel-{name}.log"
    tree.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    wanted = tree / "wanted.config"
    wanted.write_text(config)
    make = ["make", "-C", str(source), f"O={tree}"]
    run([*make, f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig"], log)
    check_config(source, config, (tree / ".config").read_text())
    say(f"debug-kernel: building {name}, which takes 15 minutes of a processor ({log})")
    run([*make, f"-j{min(os.cpu_count() or 1, 8)}", "bzImage", "modules"], log)
    return (tree / "include/config/kernel.release").read_text().strip()


def build(name):
    """Makes build/kernel/NAME, unless it is there and made from the same; returns the folder."""
    match = NAME.fullmatch(name)
    if not match:
        raise Problem(f"{name}: no such debug kernel; a name is for example 6.1-debug or "
                      "6.12-kcsan")
    series, kind = match.groups()
    absent = [tool for tool in NEEDED if not shutil.which(tool)]
    if absent:
        raise Problem(f"{', '.join(absent)} missing, to build a kernel with: run "
                      "code/boot/setup.py debug")
    source, version = find_source(series)
    config = config_text(series, kind)
    key = f"linux-source-{series} {version}\n" \
        f"configuration {hashlib.sha256(config.encode()).hexdigest()}\n"
    folder = kernel_dir(name)
    folder.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made-from"
        if made.exists() and made.read_text() == key:
            return folder
        (folder / "release").unlink(missing_ok=True)
        if made.exists() and version not in made.read_text():
            shutil.rmtree(folder / "tree")
        made.unlink(missing_ok=True)
        release = compile_kernel(name, config, source, folder)
        for link, target in (("vmlinuz", "tree/arch/x86/boot/bzImage"), ("modules", "tree"),
                             ("headers", "tree")):
            if not (folder / link).is_symlink():
                (folder / link).symlink_to(target)
        (folder / "release").write_text(release + "\n")
        made.write_text(key)
    return folder


def command():
    """The command line."""
    if len(sys.argv) < 2:
        raise Problem("wants the names of kernels, for example 6.1-debug")
    for name in sys.argv[1:]:
        folder = build(name)
        say(f"debug-kernel: {(folder / 'release').read_text().strip()} is in {folder}; "
            f"limits of time are {slowness(name)} times those on Debian's")
    return 0


if __name__ == "__main__":
    main(command)
