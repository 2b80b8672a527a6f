#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The swap workload: guests in every mode that the host swaps, and torture.

One boot a class. kvmswap-run checks each run itself (wrong words, the audit, pages
swapped); here it is run on stock KVM and on kvmswap, in each mode, with each protocol,
and under torture, and it must also notice what is wrong.
"""

import os
import random
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
SERIES, _, KIND = KERNEL.partition("-")  # 6.1 and debug of 6.1-debug
LAST = os.environ.get("LAST", "8")
SMALL = "--plain --memory 28 --limit 10 --passes 2 --min-in 2500 --timeout 600"
TORTURE = "--plain --memory 32 --limit 13 --passes 2 --min-in 2500 --timeout 900 --torture"
AUDITED = "--plain --memory 14 --limit 6 --passes 1 --words 4 --min-in 300 --timeout 600"

# For 6.12's seqlock, whose every swapped page may be an invalidation of all memory.
SLOW = "--plain --memory 16 --limit 6 --passes 1 --min-in 500 --timeout 600"
SLOW_TORTURE = f"{SLOW} --torture"
if KIND:    # a kernel that finds mistakes needs many times as long for each page
    SMALL, TORTURE = SLOW, SLOW_TORTURE

# The module as it is loaded without a word about it, and with the other two.
OTHERS = ("interval", "seqlock")

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
        [ROOT / "code/boot/boot.py", "--name", f"{name}-{KERNEL}", "--chapter", LAST,
         "--swap", "512", "--silence", "300", "--timeout", str(timeout), "--", script],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False)
    return result.returncode, result.stdout


def script(prepare, cases, before=None):
    """Shell that runs kvmswap-run once for each (case, arguments).

    before: {case: command to run before it}
    """
    lines = [prepare + " || exit 1"]
    for case, arguments in cases.items():
        lines.append((before or {}).get(case, "true") + " || exit 1")
        lines.append(f"echo '@@ {case}'; kvmswap-run {arguments}; echo \"@= $?\"")
    return "\n".join(lines + ["rmmod kvmswap 2>/dev/null", "true"])


def protocol_script(protocol, cases):
    """The same with a protocol; $without is what it is not sound for on this kernel."""
    return script(f"""dmesg -c >/dev/null; insmod /kvmswap/kvmswap.ko protocol={protocol} &&
        [ "$(cat /sys/module/kvmswap/parameters/protocol)" = {protocol} ]""",
                  {f"{protocol}:{case}": arguments for case, arguments in cases.items()}
                  ).replace("{without}", "$(dmesg | grep -q 'is not sound' && echo --without mremap)")


def results(name, scripts, timeout):
    """Boots the VM for some of those: {case: (status, output)}."""
    status, output = boot(name, "\n".join(scripts), timeout)
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
        cls.results = results("swap-stock", [script("modprobe kvm-amd npt=0", {
            "long": f"--device /dev/kvm {SMALL}",
            "pae": f"--device /dev/kvm {SMALL} {MODES['pae']}",
        })], 1200)

    def test_long(self):
        self.passes("long")

    def test_pae(self):
        self.passes("pae")


AUDIT_ALWAYS = {"audit-always": "echo Y >/sys/kernel/debug/kvmswap/audit_always"}


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
        scripts = [script("insmod /kvmswap/kvmswap.ko", cases, AUDIT_ALWAYS)]
        for protocol in OTHERS:
            slow = SERIES != "6.1" and protocol == "seqlock"
            few = {case: f"{SLOW if slow else SMALL} {MODES[case]}" for case in ("long", "pae")}
            scripts.append(protocol_script(protocol, few))
        cls.results = results("swap", scripts, 2400)

    def audited(self, case):
        """The run passed, and the audit found nothing."""
        text = self.passes(case)
        for figure in ("stale sptes", "pinned pages", "rmap errors", "role errors",
                       "audit failures counted"):
            self.assertRegex(text, rf"ok +{figure} +0 ", case)

    def test_audit_at_each_step(self):
        """The audit at each fault and each invalidation."""
        self.audited("audit-always")

    def test_other_protocols(self):
        for protocol in OTHERS:
            for case in ("long", "pae"):
                with self.subTest(protocol=protocol, case=case):
                    self.audited(f"{protocol}:{case}")

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

    @classmethod
    def setUpClass(cls):
        cls.cases = []
        scripts = []
        for protocol in ("range", *OTHERS):
            slow = SERIES != "6.1" and protocol == "seqlock"
            seed = random.randrange(1, 65536)
            cls.cases.append(f"{protocol}:seed-{seed}")
            scripts.append(protocol_script(protocol, {
                f"seed-{seed}":
                    f"{SLOW_TORTURE if slow else TORTURE} --seed {seed} {{without}}"}))
        cls.results = results("torture", scripts, 2400)

    def test_torture(self):
        for case in self.cases:
            with self.subTest(case):
                text = self.passes(case)
                for figure in ("stale sptes", "rmap errors", "audit failures counted"):
                    self.assertRegex(text, rf"ok +{figure} +0 ")
                for deed in ("pageout", "dontneed", "fork", "mprotect", "ksm", "thp", "slot",
                             "scratch-slot", "log", "reclaim", "compact"):
                    self.assertRegex(text, rf"torture, seed .*\b{deed} [1-9]")


if KIND:    # stock KVM's mistakes are not ours to find
    del OnStock

for mode in MODES:
    setattr(OnKvmswap, "test_" + mode.replace("-", "_"),
            lambda self, case=mode: self.audited(case))

if __name__ == "__main__":
    unittest.main(verbosity=2)
