#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The swap workload: guests in every mode that the host swaps, and torture.

One boot a device. kvmswap-run checks each run itself (wrong words, the audit, pages
swapped); here it is run on stock KVM and on kvmswap, in each mode, under torture from
several seeds, and it must also notice what is wrong. SOAK=N runs torture N times.
"""

import os
import random
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--plain --memory 28 --limit 10 --passes 2 --min-in 2500 --timeout 200"
TORTURE = "--plain --memory 48 --limit 20 --passes 2 --min-in 5000 --timeout 500 --torture"

AUDITED = "--plain --memory 19 --limit 7 --passes 1 --words 4 --min-in 500 --timeout 300"

MODES = {
    "long": "--mode long",
    "long-2m": "--mode long-2m",
    "long-1g": "--mode long-1g",
    "one-vcpu": "--mode long --vcpus 1",
    "four-vcpus": "--mode long --vcpus 4",
    "all-words": "--mode long --words 1024",
    "pae": "--mode pae --guest /kvmswap/guests/words32.bin",
    "pae-2m": "--mode pae-2m --guest /kvmswap/guests/words32.bin",
    "paging32": "--mode paging32 --guest /kvmswap/guests/words32.bin",
    "paging32-4m": "--mode paging32-4m --guest /kvmswap/guests/words32.bin",
    "prot32": "--mode prot32 --guest /kvmswap/guests/words32.bin",
}


def boot(name, script, timeout):
    """Runs a script in the VM with 512 MiB of swap; returns (status, output)."""
    result = subprocess.run(
        [ROOT / "code/boot/boot.py", "--name", name, "--chapter", "5", "--swap", "512",
         "--silence", "120", "--timeout", str(timeout), "--", script],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False)
    return result.returncode, result.stdout


def run_all(name, prepare, cases, timeout, before=None):
    """Runs kvmswap-run once for each (case, arguments): {case: (status, output)}.

    before: {case: command to run before it}
    """
    lines = [prepare + " || exit 1"]
    for case, arguments in cases.items():
        lines.append((before or {}).get(case, "true") + " || exit 1")
        lines.append(f"echo '@@ {case}'; kvmswap-run {arguments}; echo \"@= $?\"")
    status, output = boot(name, "\n".join(lines + ["true"]), timeout)
    if status:
        raise AssertionError(f"the boot failed with {status}:\n{output[-6000:]}")
    found = re.findall(r"^@@ (\S+)\n(.*?)^@= (\d+)$", output, re.M | re.S)
    return {case: (int(result), text) for case, text, result in found}


class Swap(unittest.TestCase):
    """What both classes check."""

    results = {}

    def passes(self, case):
        """The run ended well and has checked what it must."""
        self.assertIn(case, self.results, "the run did not take place")
        status, text = self.results[case]
        self.assertEqual(status, 0, text)
        self.assertIn("all checks passed", text)
        self.assertRegex(text, r"ok +wrong words +0 ")
        self.assertRegex(text, r"ok +pages in +\d+")
        return text


class OnStock(Swap):
    """The oracle: the same programs on stock KVM with shadow paging."""

    @classmethod
    def setUpClass(cls):
        cls.results = run_all("swap-stock", "modprobe kvm-amd npt=0", {
            "long": f"--device /dev/kvm {SMALL}",
            "pae": f"--device /dev/kvm {SMALL} {MODES['pae']}",
        }, 600)

    def test_long(self):
        self.passes("long")

    def test_pae(self):
        self.passes("pae")


class OnKvmswap(Swap):
    """Every mode with the audit at the end; one run with the audit at each step."""

    @classmethod
    def setUpClass(cls):
        cases = {case: f"{SMALL} {arguments}" for case, arguments in MODES.items()}
        cases["too-little"] = f"{SMALL} --limit 64"
        cases["spoilt"] = f"{SMALL} --spoil"
        cases["no-device"] = f"{SMALL} --device /dev/null"
        cases["broken-guest"] = f"{SMALL} --guest /kvmswap/guests/mmio64.bin"
        cases["audit-always"] = AUDITED
        cls.results = run_all("swap", "insmod /kvmswap/kvmswap.ko", cases, 900, {
            "audit-always": "echo Y >/sys/kernel/debug/kvmswap/audit_always"})

    def audited(self, case):
        """The run passed, and the audit found nothing."""
        text = self.passes(case)
        for figure in ("stale sptes", "pinned pages", "rmap errors", "role errors",
                       "audit failures counted"):
            self.assertRegex(text, rf"ok +{figure} +0 ", case)

    def test_audit_at_each_step(self):
        """The audit before and after each fault and each invalidation."""
        self.audited("audit-always")

    def test_notices_too_little_swapping(self):
        status, text = self.results["too-little"]
        self.assertEqual(status, 1, text)
        self.assertRegex(text, r"FAIL +pages in")
        self.assertRegex(text, r"ok +wrong words +0 ")

    def test_notices_a_wrong_word(self):
        """Words changed behind the guest's back are named and counted."""
        status, text = self.results["spoilt"]
        self.assertEqual(status, 1, text)
        self.assertRegex(text, r"FAIL +wrong words +[1-9]")
        self.assertRegex(text, r"WRONG WORD vcpu \d address 0x\w+ expected 0x\w+ found 0x\w+")

    def test_says_that_a_device_is_none(self):
        status, text = self.results["no-device"]
        self.assertEqual(status, 1, text)
        self.assertIn("/dev/null: API version is -1", text)

    def test_notices_a_guest_that_does_not_end_well(self):
        status, text = self.results["broken-guest"]
        self.assertEqual(status, 1, text)
        self.assertRegex(text, r"FAIL +every vCPU ended well")


class Torture(Swap):
    """The host does all it may to the guest's memory; seeds are new in each run."""

    runs = int(os.environ.get("SOAK", "1"))

    @classmethod
    def setUpClass(cls):
        seeds = random.sample(range(1, 65536), cls.runs)
        print("seeds:", *seeds, flush=True)
        cls.cases = {f"seed-{seed}": f"{TORTURE} --seed {seed}" for seed in seeds}
        cls.results = run_all("torture", "insmod /kvmswap/kvmswap.ko", cls.cases,
                              300 + 300 * cls.runs)

    def test_torture(self):
        for case in self.cases:
            with self.subTest(case):
                text = self.passes(case)
                for figure in ("stale sptes", "rmap errors", "audit failures counted"):
                    self.assertRegex(text, rf"ok +{figure} +0 ")
                for deed in ("pageout", "dontneed", "fork", "mprotect", "ksm", "thp"):
                    self.assertRegex(text, rf"torture, seed .*\b{deed} [1-9]")


for mode in MODES:
    setattr(OnKvmswap, "test_" + mode.replace("-", "_"),
            lambda self, case=mode: self.audited(case))

if __name__ == "__main__":
    unittest.main(verbosity=2)
