#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Every guest program behaves on kvmswap as on stock KVM, byte for byte.

One boot: all programs on stock KVM with shadow paging (kvm-amd npt=0), then all on
kvmswap; guest-run's transcript has each vCPU's text, how it stopped, and its last
registers. The two must be equal, and each guest must have found nothing wrong itself.
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
LAST = os.environ.get("LAST", "8")

# name: guest-run's arguments; guests are in /kvmswap/guests.
CASES = {
    "real": "--mode real real16.bin",
    "real-2": "--mode real --vcpus 2 real16.bin",
    "climb": "--mode real climb.bin",
    "mmio-prot32": "--mode prot32 mmio32.bin",
    "mmio-pae": "--mode pae mmiopae.bin",
    "mmio-pae-2m": "--mode pae-2m mmiopae.bin",
    "mmio-long": "--mode long mmio64.bin",
    "mmio-long-2m": "--mode long-2m mmio64.bin",
    "words-prot32": "--mode prot32 --vcpus 2 words32.bin",
    "words-paging32": "--mode paging32 --vcpus 2 words32.bin",
    "words-paging32-4m": "--mode paging32-4m --vcpus 2 words32.bin",
    "words-pae": "--mode pae --vcpus 2 words32.bin",
    "words-pae-2m": "--mode pae-2m --vcpus 2 words32.bin",
    "words-long": "--mode long --vcpus 2 words64.bin",
    "words-long-2m": "--mode long-2m --vcpus 2 words64.bin",
    "words-long-1g": "--mode long-1g --vcpus 2 words64.bin",
    "paging32": "--mode paging32 paging32.bin",
    "paging32-4m": "--mode paging32-4m paging32.bin",
    "pagingpae": "--mode pae pagingpae.bin",
    "pagingpae-2m": "--mode pae-2m pagingpae.bin",
    "paging64": "--mode long paging64.bin",
    "paging64-2m": "--mode long-2m paging64.bin",
    "paging64-1g": "--mode long-1g paging64.bin",
    "paging32-2": "--mode paging32 --vcpus 2 paging32.bin",
    "pagingpae-2": "--mode pae --vcpus 2 pagingpae.bin",
    "paging64-2": "--mode long --vcpus 2 paging64.bin",
}

SCRIPT = """
run_all() {
    mkdir -p /result/$1
    while read -r name arguments; do
        guest-run --device $2 --timeout 100 $arguments >/result/$1/$name 2>&1
        echo "status $?" >>/result/$1/$name
    done <<'END'
%s
END
}
cd /kvmswap/guests
modprobe kvm-amd npt=0 && run_all stock /dev/kvm && rmmod kvm_amd kvm &&
insmod /kvmswap/kvmswap.ko && run_all kvmswap /dev/kvmswap
"""


class Transcripts(unittest.TestCase):
    """One test for each case; setUpClass runs them all."""

    @classmethod
    def setUpClass(cls):
        cases = "\n".join(f"{name} {arguments}" for name, arguments in CASES.items())
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        boot = subprocess.run(
            [ROOT / "code/boot/boot.py", "--name", f"transcripts-{KERNEL}",
             "--chapter", LAST, "--silence", "300", "--timeout", "1800", "--pull", f"result:{cls.folder}", "--",
             SCRIPT % cases],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        if boot.returncode:
            raise AssertionError(f"the boot failed with {boot.returncode}:\n{boot.stdout}")

    def transcript(self, device, name):
        """The lines of one transcript."""
        found = list(self.folder.rglob(f"{device}/{name}"))
        self.assertEqual(len(found), 1, f"no transcript {device}/{name}")
        return found[0].read_text().splitlines()


def add_test(name):
    """Makes the test of one case."""
    def test(self):
        stock = self.transcript("stock", name)
        ours = self.transcript("kvmswap", name)
        self.maxDiff = None
        self.assertEqual(stock[-1], "status 0", "on stock KVM:\n" + "\n".join(stock[-40:]))
        self.assertGreater(len(stock), 8, "a transcript without registers")
        self.assertEqual(stock, ours)
    setattr(Transcripts, "test_" + name.replace("-", "_"), test)


for case in CASES:
    add_test(case)

if __name__ == "__main__":
    unittest.main(verbosity=2)
