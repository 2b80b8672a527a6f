# SPDX-License-Identifier: GPL-2.0
"""What GDB reads first (launch.py starts it so): the commands, the machine, the symbols.

The environment says which: KVMSWAP_MODULE, the module's file (or several, with
colons between); KVMSWAP_TARGET, where the
machine listens.
"""

import os
import sys
import time

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import commands  # noqa: E402  pylint: disable=wrong-import-position
import loader    # noqa: E402  pylint: disable=wrong-import-position
import watch   # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import


PATIENCE = 10  # seconds that a machine may take until it listens


def start():
    """Attaches, and follows the module."""
    for setting in ("pagination off", "confirm off", "breakpoint pending on",
                    "architecture i386:x86-64"):
        gdb.execute(f"set {setting}", to_string=True)
    follower = loader.Loader(os.environ["KVMSWAP_MODULE"].split(":"))
    where = os.environ["KVMSWAP_TARGET"]
    for second in range(PATIENCE + 1):
        try:
            gdb.execute(f"target remote {where}", to_string=True)
            break
        except gdb.error as error:
            if second == PATIENCE:
                raise gdb.GdbError(f"no machine answers at {where} ({error}): start one in "
                                   "another terminal, with `make shell-gdb`") from None
            time.sleep(1)
    follower.follow()
    commands.LOADER = follower
    try:
        if not follower.catch_up():
            gdb.write("[kvmswap is not loaded; its symbols come when it is. "
                      "Commands: help ks]\n")
    except gdb.GdbError:
        gdb.write("[the machine waits: `continue` starts it. Commands: help ks]\n")


start()
