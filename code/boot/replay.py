# SPDX-License-Identifier: GPL-2.0
"""Records a run of the VM, and runs it again, instruction for instruction.

QEMU writes down all that reaches the VM from outside (input, interrupts, the time); with that
a second run is the first one again, also under GDB.  From a snapshot on the way QEMU comes
forward to any earlier place: so GDB can go backwards.

A recording is a folder: "log", the VM's files as the run had them ("initrd"), and "disk", for
snapshots.  Take those while it is run again and GDB has stopped it: `monitor savevm NAME`.
QEMU can do that while it records, too, but then writes down what no second run will see.

Comes from boot.py.  machine.py gives such a VM serial ports: what comes in through a virtio
port is not written down, and a VM with one cannot go back to a snapshot.
"""

import shutil
import subprocess
from pathlib import Path

from common import Problem

# One processor: QEMU cannot record two.  With the property of the APIC, or with a clock that
# asks the host, the VM cannot go back to a snapshot.
MACHINE = ["-global", "apic-common.vapic=off", "-rtc", "clock=vm"]


def arguments(options, folder):
    """QEMU's arguments. folder: for what this run alone needs."""
    place = Path(options.record or options.replay)
    disk, mode = place / "disk", "record"
    if options.record:
        place.mkdir(parents=True, exist_ok=True)
        make_disk(disk)
    else:
        for name in ("log", "disk", "initrd"):
            if not (place / name).exists():
                raise Problem(f"{place}: no recording ({name} is missing): make it with --record")
        mode = "replay"
        if options.snapshot:
            mode += f",rrsnapshot={options.snapshot}"
            disk = shutil.copyfile(disk, f"{folder}/disk")  # QEMU may write to it
    return [*MACHINE, "-icount", f"shift=4,rrfile={escape(place / 'log')},rr={mode}",
            "-drive", f"if=none,id=snapshots,format=qcow2,cache=unsafe,file={escape(disk)}"]


def escape(path):
    """A path as a part of an argument of QEMU's."""
    return str(path).replace(",", ",,")


def make_disk(path):
    """An empty disk, to hold the snapshots."""
    try:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    except FileNotFoundError:
        raise Problem("qemu-img is missing: apt install qemu-utils") from None
