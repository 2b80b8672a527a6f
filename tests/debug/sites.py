# SPDX-License-Identifier: GPL-2.0
"""Finds the places in the module that ask for memory, in its source and in its code.

A site is a call, in the compiled module, of a function that allocates: by itself (kmalloc
and its family, pages), or on the way to what it is asked for (a file, a notifier, a debugfs
folder ...).  The call's return address, which a stack trace shows, is how fault injection
tells one site from another.  So the module is compiled without calls that are jumps.

alloc_test.py asks for the sites, and makes each of them fail.
"""

import re
import subprocess
from pathlib import Path

# Functions that allocate.  The first are named by their kind, since each kernel has others
# behind the same macro; the source's calls have to lead to one of these.
DIRECT = re.compile(
    r"__?k[a-z_]*alloc\w*|kv?[mz]alloc\w*|kv?calloc\w*|kmem_cache_(z)?alloc\w*|v[mz]alloc\w*|"
    r"__vmalloc\w*|kv?memdup\w*|v?memdup_user\w*|kstrdup\w*|kasprintf\w*|"
    r"(__)?(get_)?(free|zeroed)_pages?(_noprof)?|__?(folio_)?alloc_pages?\w*|alloc_pages?\w*|"
    r"fpu_alloc_guest_fpstate|__alloc_percpu\w*")
INDIRECT = re.compile(
    r"anon_inode_getf(ile|d)|get_unused_fd_flags|misc_register|debugfs_create_\w+|single_open|"
    r"mmu_notifier_register|mmu_interval_notifier_insert|__?init_srcu_struct|vm_mmap|"
    r"get_user_pages\w*|__?cpuhp_setup_state\w*")
FREES = re.compile(r"k?v?free|free_pages?|kfree\w*|vfree")

# The same in the source, where macros have other names.
SOURCE = re.compile(
    r"\b(k[vmz]*alloc|kv?calloc|kmem_cache_z?alloc|v[mz]alloc|v?memdup_user|kmemdup|kstrdup|"
    r"kasprintf|__get_free_pages?|get_zeroed_page|alloc_pages?|alloc_percpu|"
    r"fpu_alloc_guest_fpstate|anon_inode_getf(?:ile|d)|get_unused_fd_flags|misc_register|"
    r"debugfs_create_\w+|single_open|mmu_notifier_register|mmu_interval_notifier_insert|"
    r"init_srcu_struct|vm_mmap|get_user_pages\w*|cpuhp_setup_state)\(")

RELOCATION = re.compile(r"^([0-9a-f]{16})\s+\S+\s+R_X86_64_PLT32\s+[0-9a-f]{16} (\S+) - 4$")
SECTION = re.compile(r"^Relocation section '\.rela(\.\S+)'")


class Site:
    """One call in the module."""

    def __init__(self, section, offset, callee, file, line, function):
        """offset: of the return address in its section, in bytes."""
        self.section, self.offset, self.callee = section, offset, callee
        self.file, self.line, self.function = file, line, function

    @property
    def place(self):
        """For people and for tables, which outlive the next line that is added above."""
        return f"{self.file}:{self.function}:{re.sub('_noprof$', '', self.callee)}"

    @property
    def at_load(self):
        """Is it run while the module is loaded, and not while a VM is used?"""
        return self.section == ".init.text" or self.function in AT_LOAD


# Not in the section for code that is thrown away, and all the same run at load.
AT_LOAD = {"alloc_bitmaps", "svm_cpu_online", "svm_hardware_setup", "kvmswap_debugfs_init",
           "pause_debugfs_init", "kvmswap_init"}


def where(module, section, offsets):
    """(file, line, function) of some offsets: the innermost function that is the module's own."""
    out = subprocess.run(["addr2line", "-i", "-f", "-s", "-e", module, "-j", section],
                         input="\n".join(f"{offset:#x}" for offset in offsets) + "\n0x0\n",
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return out


def frames(module, section, offset):
    """The chain of inlined functions at an offset: [(function, file, line)], innermost first."""
    lines = subprocess.run(
        ["addr2line", "-i", "-f", "-e", str(module), "-j", section, f"{offset:#x}"],
        stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    out = []
    for function, at in zip(lines[::2], lines[1::2]):
        file, _, line = at.partition(":")
        out.append((function, file, int(re.match(r"\d*", line).group() or 0)))
    return out


def find(module, source):
    """All sites of a module that has debug information; source: the folder of its files."""
    text = subprocess.run(["readelf", "-rW", str(module)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    own = {path.name for path in Path(source).iterdir()}
    found, section = [], None
    for row in text.splitlines():
        if match := SECTION.match(row):
            section = match.group(1)
        match = RELOCATION.match(row)
        if not match or not re.match(r"\.(init\.|exit\.)?text", section or ""):
            continue
        callee = match.group(2)
        if FREES.fullmatch(callee) or not (DIRECT.fullmatch(callee) or INDIRECT.fullmatch(callee)):
            continue
        offset = int(match.group(1), 16) + 4
        for function, file, line in frames(module, section, offset - 1):
            if Path(file).name in own:
                found.append(Site(section, offset, callee, Path(file).name, line, function))
                break
        else:
            raise ValueError(f"{section}+{offset:#x}: {callee}() is called from no file of ours")
    return found


def in_source(source, files):
    """(file, line, name) of each call in the source of those files."""
    out = []
    for name in files:
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()),
                      (Path(source) / name).read_text(), flags=re.S)
        for number, line in enumerate(text.splitlines(), 1):
            out += [(name, number, match.group(1)) for match in SOURCE.finditer(line)]
    return out
