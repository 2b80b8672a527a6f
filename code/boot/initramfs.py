# SPDX-License-Identifier: GPL-2.0
"""Makes the VM's initramfs: a cached base, and an overlay for each boot.

The base is busybox, init and the kernel modules that the VM needs; it is named after
a hash of all that goes into it, so it is rebuilt when one of them changes and never
otherwise.  The overlay holds the files of one boot; the kernel unpacks it over the
base.  boot.py calls base() and overlay().
"""

import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

from common import BUILD, Problem
from cpio import Archive

HERE = Path(__file__).resolve().parent

# What the VM uses: its ports and swap disk, compressed swap, a file system on a disk in
# memory, the file with a CPU's MSRs, and stock KVM, which is the oracle of the tests.  A
# module that is built in or absent is no error here.
MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "zram", "lzo", "lzo_rle",
           "brd", "ext4", "crc32c_generic", "msr", "kvm", "kvm_amd")

BUSYBOX = "/bin/busybox"


def module_name(path):
    """The kernel's name of a module file: kvm-amd.ko.xz is kvm_amd."""
    return path.name.split(".ko")[0].replace("-", "_")


def read_module(path):
    """A module's bytes, uncompressed."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    return data


def modinfo(data, field):
    """All values of a field of a module's .modinfo section."""
    return [value.decode() for value in
            re.findall(rb"\0%s=([^\0]*)(?=\0)" % field.encode(), data)]


def needed_modules(tree):
    """name -> bytes of MODULES and all they depend on, dependencies first."""
    files = {module_name(path): path for path in sorted(tree.rglob("*.ko*"))
             if path.suffix in (".ko", ".xz", ".zst")}
    found = {}

    def visit(name):
        if name in found or name not in files:
            return
        data = read_module(files[name])
        for depends in modinfo(data, "depends"):
            for other in filter(None, depends.split(",")):
                visit(other.replace("-", "_"))
        found[name] = data

    for name in MODULES:
        visit(name)
    return found


def closure(name, modules):
    """All modules that `name` needs, for modules.dep: what is loaded first comes last."""
    needs = set()
    waiting = [name]
    while waiting:
        for depends in modinfo(modules[waiting.pop()], "depends"):
            new = {other.replace("-", "_") for other in depends.split(",")}
            new = (new & modules.keys()) - needs
            needs |= new
            waiting += new
    return [other for other in reversed(modules) if other in needs]


def write_base(out, release, tree):
    """Writes the base archive to a binary file object."""
    archive = Archive(out)
    archive.character_device("dev/console", 5, 1)
    for name in ("proc", "sys", "tmp", "run", "root", "etc", "lib64", "usr/bin",
                 "usr/sbin", "sbin"):
        archive.directory(name)
    archive.file("init", (HERE / "init").read_bytes(), executable=True)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")
    archive.file("bin/busybox", Path(BUSYBOX).read_bytes(), executable=True)
    applets = subprocess.run([BUSYBOX, "--list-full"], stdout=subprocess.PIPE,
                             check=True, text=True).stdout.split()
    for applet in applets:
        if applet not in ("bin/busybox", "init", "linuxrc"):
            archive.symlink(applet, "/bin/busybox")

    modules = needed_modules(tree)
    base = f"lib/modules/{release}"
    dep, alias = [], []
    for name, data in modules.items():
        archive.file(f"{base}/{name}.ko", data)
        needs = "".join(f" {other}.ko" for other in closure(name, modules))
        dep.append(f"{name}.ko:{needs}\n")
        alias += [f"alias {text} {name}\n" for text in modinfo(data, "alias")]
    archive.file(f"{base}/modules.dep", "".join(dep).encode())
    archive.file(f"{base}/modules.alias", "".join(alias).encode())
    archive.close()


def base(kernel):
    """The base archive for an unpacked kernel (kernel_dir()); made if need be."""
    if not Path(BUSYBOX).is_file():
        raise Problem(f"{BUSYBOX} is missing: apt install busybox-static")
    release = (kernel / "release").read_text().strip()
    tree = (kernel / "modules").resolve()
    key = hashlib.sha256()
    for path in (HERE / "init", HERE / "initramfs.py", HERE / "cpio.py", Path(BUSYBOX)):
        key.update(path.read_bytes())
    key.update(f"{release} {tree} {tree.stat().st_mtime_ns}".encode())
    path = BUILD / "initramfs" / f"{release}-{key.hexdigest()[:16]}.cpio"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{release}-*.cpio"):
            old.unlink(missing_ok=True)
        data = io.BytesIO()
        write_base(data, release, tree)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(data.getvalue())
        part.rename(path)
    return path


def libraries(path):
    """The shared libraries, with the loader, that a program needs to start."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return []
    if path.suffix in (".ko", ".o"):
        return []
    result = subprocess.run(["ldd", str(path)], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False)
    if "not found" in result.stdout:
        raise Problem(f"{path}: a shared library is missing:\n{result.stdout}")
    return re.findall(r"(/\S+) \(0x", result.stdout)


def overlay(files, texts):
    """The overlay archive's bytes.

    files: pairs (path on this machine, path in the VM); a folder is taken whole.
    texts: path in the VM -> (text, executable).
    """
    members = {}
    for source, target in files:
        source = Path(source)
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    members[f"{target}/{path.relative_to(source)}"] = path
        elif source.is_file():
            members[target] = source
        else:
            raise Problem(f"{source}: no such file (build it first?)")
    for path in list(members.values()):
        for library in libraries(path):
            members[library] = Path(library)

    data = io.BytesIO()
    archive = Archive(data)
    for target, path in members.items():
        archive.file(target, path.read_bytes(), executable=path.stat().st_mode & 0o100)
    for target, (text, executable) in texts.items():
        archive.file(target, text.encode(), executable)
    archive.close()
    return data.getvalue()


def write_image(out, kernel, files, texts):
    """Writes base and overlay, one after the other, to a binary file object."""
    with open(base(kernel), "rb") as file:
        shutil.copyfileobj(file, out)
    out.write(overlay(files, texts))
    out.flush()
