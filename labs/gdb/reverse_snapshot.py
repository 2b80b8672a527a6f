# SPDX-License-Identifier: GPL-2.0
"""Takes a snapshot shortly before the race: GDB reads this after start.py (see reverse_lab.py).

The VM is one that was recorded, and is run again from its start. It stops where the module
makes the VM of the race: from there it is a few million instructions to the stale spte.
"""

import os

import gdb

gdb.execute("hbreak vm.c:vm_create", to_string=True)
gdb.execute("continue", to_string=True)
if gdb.newest_frame().name() != "vm_create":
    raise gdb.GdbError("the machine did not come to vm_create()")
gdb.execute("monitor savevm race", to_string=True)
if " race " in gdb.execute("monitor info snapshots", to_string=True):
    with open(os.environ["KVMSWAP_RECORD"], "w", encoding="utf-8"):
        pass
try:
    gdb.execute("monitor quit", to_string=True)  # so that the snapshot is written out
except gdb.error:
    pass  # it has ended: the connection is gone
