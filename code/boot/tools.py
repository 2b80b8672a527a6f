# SPDX-License-Identifier: GPL-2.0
"""The tools that this project needs: who needs them, and which package has them.

setup.py installs from this list, doctor.py checks it; nothing else names a package.
"""

# group -> what it is for; the Makefile asks for the groups that its goal needs.
GROUPS = {
    "build": "building the module and the programs",
    "vm": "running the virtual machine",
    "test": "the tests that read and check the source",
    "docs": "the documentation",
    "gdb": "looking into the machine with GDB",
    "model": "proving the protocols' models",
    "timeline": "traces, and the page that shows them",
    "browser": "the tests of that page",
    "debug": "building the kernels that find mistakes",
    "fuzz": "fuzzing that is guided by what the module runs",
}

# group -> Debian packages
PACKAGES = {
    "build": ("make", "gcc", "libc6-dev", "python3", "xz-utils", "libelf1", "dwarves"),
    "vm": ("qemu-system-x86", "seabios", "busybox-static"),
    "test": ("libcmocka-dev", "sparse", "perl", "codespell", "unifdef"),
    "docs": ("doxygen", "python3-sphinx", "python3-breathe", "furo"),
    "gdb": ("gdb", "graphviz", "qemu-utils"),
    "model": ("spin", "gcc", "libc6-dev"),
    "timeline": ("trace-cmd", "node-d3"),
    "browser": ("chromium", "chromium-driver", "python3-selenium"),
    "debug": ("make", "gcc", "libc6-dev", "perl", "xz-utils", "flex", "bison", "bc",
              "libelf-dev", "libssl-dev", "binutils"),
    "fuzz": ("clang", "libclang-rt-dev"),
}

# What doctor asks: group, program, arguments that print its version, least version,
# package.
PROGRAMS = (
    ("build", "make", ("--version",), (4, 0), "make"),
    ("build", "gcc", ("-dumpfullversion",), (10,), "gcc"),
    ("build", "python3", ("--version",), (3, 9), "python3"),
    ("build", "pahole", ("--version",), (1, 16), "dwarves"),
    ("build", "xz", ("--version",), (5,), "xz-utils"),
    ("vm", "qemu-system-x86_64", ("--version",), (7, 0), "qemu-system-x86"),
    ("vm", "busybox", ("--help",), (1, 30), "busybox-static"),
    ("test", "sparse", ("--version",), (0, 6, 4), "sparse"),
    ("test", "perl", ("--version",), (5,), "perl"),
    ("test", "codespell", ("--version",), (2,), "codespell"),
    ("test", "unifdef", ("-V",), (2,), "unifdef"),
    ("docs", "doxygen", ("--version",), (1, 9), "doxygen"),
    ("docs", "sphinx-build", ("--version",), (5,), "python3-sphinx"),
    ("model", "spin", ("-V",), (6,), "spin"),
    ("gdb", "gdb", ("--version",), (12,), "gdb"),
    ("gdb", "dot", ("-V",), (2,), "graphviz"),
    ("gdb", "qemu-img", ("--version",), (7, 0), "qemu-utils"),
    ("timeline", "trace-cmd", ("help",), (3,), "trace-cmd"),
    ("browser", "chromedriver", ("--version",), (110,), "chromium-driver"),
    ("debug", "flex", ("--version",), (2, 6), "flex"),
    ("debug", "bison", ("--version",), (3,), "bison"),
    ("debug", "bc", ("--version",), (1,), "bc"),
    ("fuzz", "clang", ("--version",), (14,), "clang"),
)
