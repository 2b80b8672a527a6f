# SPDX-License-Identifier: GPL-2.0
"""The module's symbols, at the address where the kernel has put it.

Loaded when GDB attaches, if the module is there already, and else when the kernel is about
to call its init function; dropped when it goes. Nothing needs to be typed.
"""

import gdb

import target
import unwind
from ks import elf
from ks.layout import View
from ks.vm import MODULE


class Loader:
    """Follows the module as it comes and goes."""

    def __init__(self, paths):
        """paths: the files of the module that this machine may load, usually one."""
        self.symbols, self.loaded = {}, None
        for path in paths:
            with open(path, "rb") as file:
                self.symbols[path] = elf.module_symbols(file.read())
        # Where the module will be is found with types that its own file describes.
        gdb.execute(f"add-symbol-file '{paths[0]}' 0", to_string=True)
        target.TYPES.keep_early()
        gdb.execute("remove-symbol-file -a 0", to_string=True)
        target.TYPES.forget()

    def follow(self):
        """Sets the hidden breakpoints that see it come and go."""
        Arrival("do_init_module", self)
        Departure("free_module", self)

    def catch_up(self):
        """Loads the symbols if the module is there now. Returns whether it is."""
        kernel = target.kernel()
        module = kernel.module(MODULE)
        if module is None:
            self.drop()
        elif not self.loaded:
            self.load(kernel, module)
        return self.loaded is not None

    def load(self, kernel, module):
        """Loads the symbols of this struct module."""
        for path, symbols in self.symbols.items():
            sections = kernel.module_sections(module, symbols)
            if sections:
                break
        else:
            gdb.write(f"the module in the machine is not {' or '.join(self.symbols)}: it was built "
                      "again since, or the machine was booted with another; start the machine "
                      "again\n", gdb.STDERR)
            return
        rest = " ".join(f"-s {name} {address:#x}" for name, address in sorted(sections.items())
                        if name != ".text" and not name.startswith(".init"))
        gdb.execute(f"add-symbol-file '{path}' {sections['.text']:#x} {rest}", to_string=True)
        target.TYPES.forget()
        self.loaded = path
        target.MODULE_SYMBOLS.update((name, sections[section] + offset)
                                     for name, (section, offset) in symbols.items()
                                     if section in sections)
        unwind.UNWINDER.prepare(kernel)
        gdb.write(f"[kvmswap is loaded at {sections['.text']:#x}: its symbols are here]\n")

    def drop(self):
        """The module has gone, and its symbols with it."""
        if self.loaded:
            gdb.execute(f"remove-symbol-file '{self.loaded}'", to_string=True)
            self.loaded = None
            target.MODULE_SYMBOLS.clear()
            target.TYPES.forget()


class Hidden(gdb.Breakpoint):
    """A breakpoint on a function of the kernel that never stops the user."""

    def __init__(self, function, loader):
        super().__init__(f"*{function}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent, self.loader = True, loader

    def is_ours(self):
        """Is its first argument our module? Returns (kernel, struct module) then."""
        kernel = target.kernel()
        address = int(gdb.parse_and_eval("(unsigned long)$rdi"))
        module = View(kernel.memory, target.TYPES("struct module"), address)
        return (kernel, module) if kernel.module_name(module) == MODULE else (kernel, None)


class Arrival(Hidden):
    """The kernel is about to call a module's init function."""

    def stop(self):
        """The module is in its place: load the symbols."""
        kernel, module = self.is_ours()
        if module is not None:
            self.loader.drop()
            self.loader.load(kernel, module)
        return False


class Departure(Hidden):
    """The kernel frees a module."""

    def stop(self):
        """Drop the symbols."""
        if self.is_ours()[1] is not None:
            self.loader.drop()
        return False
