#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Puts the VM's kernel and the headers to build against it under build/kernel/NAME.

The kernel is Debian's own package of the series asked for, and the headers those that
belong to it; both are downloaded and unpacked, never installed.  With --image and
--build they are the user's own instead (KERNEL_IMAGE= and KERNEL_BUILD= of make).
The folder then holds:

    vmlinuz     the kernel to boot
    modules     its tree of modules
    headers     the folder to build modules against
    release     its release, as `uname -r` prints it

A kernel that is built here, such as 6.1-debug, is debug_kernel.py's work.

The Makefile calls this once for each kernel; boot.py and module.py read the folder.
"""

import argparse
import re
import shutil
import struct
import tempfile
from pathlib import Path

import apt
import debug_kernel
from common import BUILD, Problem, kernel_dir, main, say

OWN = ("You can use a kernel of your own instead: KERNEL_IMAGE=<its vmlinuz> and "
       "KERNEL_BUILD=<the folder its modules are built against, for example "
       "/lib/modules/<release>/build>, both as arguments of make.")


def version_key(name):
    """Sorts names with numbers in them as versions."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def find_release(series):
    """The newest release of a series that apt knows, for example 6.1.0-9-amd64."""
    wanted = re.compile(r"linux-image-(%s\.\d\S*-amd64)" % re.escape(series))
    for meta in (f"linux-image-{series}-amd64", "linux-image-amd64"):
        for name in apt.depends(meta):
            match = wanted.fullmatch(name)
            if match:
                return match.group(1)
    known = apt.names(r"linux-image-%s\.\d[^-]*(-\d+)?-amd64" % re.escape(series))
    if known:
        return max(known, key=version_key).removeprefix("linux-image-")
    return None


def packages(release):
    """The image of a release, and the headers with all they link to."""
    headers = f"linux-headers-{release}"
    linked = [name for name in apt.depends(headers)
              if re.match(r"linux-(headers-.*-common|kbuild-)", name)]
    if len(linked) < 2:
        raise Problem(f"{headers}: no package of common headers, or no kbuild package")
    return [f"linux-image-{release}", headers, *linked]


def fetch(series, folder):
    """Downloads and unpacks Debian's kernel of a series into an empty folder."""
    release = find_release(series)
    if not release:
        apt.update()
        release = find_release(series)
    if not release:
        raise Problem(f"apt knows no linux-image package of the {series} series.")
    say(f"kernel: downloading Debian's linux-image-{release} and its headers (85 MB)")
    try:
        files = apt.download(packages(release), folder / "deb")
    except Problem:
        apt.update()  # the lists may be older than the last point release
        release = find_release(series)
        files = apt.download(packages(release), folder / "deb")
    say("kernel: unpacking it under build/, nothing is installed")
    for file in files:
        apt.run(["dpkg", "-x", str(file), str(folder / "root")])
    shutil.rmtree(folder / "deb")
    link(folder, f"root/boot/vmlinuz-{release}", f"root/lib/modules/{release}",
         f"root/usr/src/linux-headers-{release}", release)


def link(folder, image, modules, headers, release):
    """Writes the four entries that the folder promises."""
    (folder / "vmlinuz").symlink_to(image)
    (folder / "modules").symlink_to(modules)
    (folder / "headers").symlink_to(headers)
    (folder / "release").write_text(release + "\n")


def image_release(image):
    """The release that a bzImage says it is."""
    data = image.read_bytes()
    if data[0x202:0x206] != b"HdrS":
        raise Problem(f"KERNEL_IMAGE={image} is not a bzImage (a vmlinuz)")
    start = struct.unpack_from("<H", data, 0x20e)[0] + 0x200
    return data[start:data.index(b"\0", start)].split()[0].decode()


def adopt(image, build, folder):
    """Uses a kernel of the user's own."""
    if not image or not build:
        raise Problem("KERNEL_IMAGE and KERNEL_BUILD go together: the one is booted, "
                      "the other is what the module is built against.")
    image, build = Path(image).resolve(), Path(build).resolve()
    if not image.is_file():
        raise Problem(f"KERNEL_IMAGE={image}: no such file")
    known = build / "include/generated/utsrelease.h"
    if not known.is_file():
        raise Problem(f"KERNEL_BUILD={build}: not a folder prepared to build modules "
                      "against (it has no include/generated/utsrelease.h)")
    release = image_release(image)
    built = re.search(r'UTS_RELEASE "(.*)"', known.read_text()).group(1)
    if built != release:
        raise Problem(f"KERNEL_IMAGE is {release}, but KERNEL_BUILD is for {built}")
    # Its modules: installed, or unpacked beside the image, or in the tree it was built in.
    places = (Path("/lib/modules", release), image.parents[1] / "lib/modules" / release)
    modules = next((place for place in places if (place / "kernel").is_dir()), build)
    link(folder, image, modules, build, release)


def prepare(kernel, image=None, build=None):
    """Fills build/kernel/KERNEL unless that is done already; returns the folder."""
    folder = kernel_dir(kernel)
    if debug_kernel.is_ours(kernel) and not image and not build:
        return debug_kernel.build(kernel)
    if (folder / "release").exists() and (not image or Path(image).resolve()
                                          == (folder / "vmlinuz").resolve()):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{kernel}.") as part:
        part = Path(part) / "new"
        part.mkdir()
        if image or build:
            adopt(image, build, part)
        else:
            try:
                fetch(kernel, part)
            except Problem as problem:
                raise Problem(f"cannot get a kernel: {problem}\n{OWN}") from None
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    return folder


def arguments():
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernel", help="a series, such as 6.1, or a name of your choice")
    parser.add_argument("--image", help="a vmlinuz of your own")
    parser.add_argument("--build", help="the folder to build modules against")
    return parser.parse_args()


def command():
    """The command line."""
    given = arguments()
    BUILD.mkdir(exist_ok=True)
    folder = prepare(given.kernel, given.image, given.build)
    say(f"kernel: {(folder / 'release').read_text().strip()} is in {folder}")
    return 0


if __name__ == "__main__":
    main(command)
