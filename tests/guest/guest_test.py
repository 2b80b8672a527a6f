#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs the guest tests on stock KVM and on kvmswap, and lays what they saw side by side.

    guest_test.py [TEST ...]    all, or some groups or tests, by guest-test's names

Two VMs: one with stock KVM (kvm-amd npt=0), one with kvmswap and its audit on. All tests
run with the module as it is loaded without a word about it; those that see how faults
and invalidations agree run once more with each other protocol. Where the test group
needs the module to come and go, or a CPU without SVM, there are boots of their own.
Stock KVM is the oracle: a test has to pass there too, and what it observed has to be the
same, line by line, but for the table below.  A kernel that finds mistakes (6.1-debug) runs
kvmswap alone: stock is not ours to test, and what it observes is known without that.

From the environment: KERNEL, and VMS=1 to have one VM at a time, not two.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "code/boot"))

from common import kernel_dir  # noqa: E402
from module import make_command  # noqa: E402

KERNEL = os.environ.get("KERNEL", "6.1")
SERIES, _, KIND = KERNEL.partition("-")  # 6.1 and debug of 6.1-debug
LAST = os.environ.get("LAST", "8")
BUILT = ROOT / "build/tests" / KERNEL
RESULTS = BUILT / "result"
PROGRAM = ROOT / "build/tests/guest-test"

# The groups of tests that every protocol has to pass, and the protocols that are not the
# module's own choice.
BY_PROTOCOL = "race range change legacy host pages process kill leave"
PROTOCOLS = ("seqlock", "interval")

# What a guest or a monitor may see otherwise than on stock KVM: a pattern of stock's line
# and one of kvmswap's, why, and the only kernel whose stock KVM is so, if it is not both.
# An entry that nothing needs is a failure too.
DIFFERENCES = (
    (r"state\.msr_faults: write 0x8?0*800000000000 to 0xc\w+: hlt", r".*: trap 13 error 0 .*",
     "stock leaves these MSRs to the CPU, and QEMU takes an address that is not canonical"),
    (r"state\.msr_faults: write 0x8000000000000000 to 0xc\w+: hlt", r".*: trap 13 error 0 .*",
     "as above"),
    (r"state\.msr_faults: (write|read).* 0xc0010117: hlt", r".*: trap 13 error 0 .*",
     "VM_HSAVE_PA is for nested guests, which kvmswap has not"),
    (r"nonsense\.special_registers: efer_(reserved|high): taken, fail-entry .*", r".*: refused, errno 22",
     "kvmswap finds it when it is set, not when it is entered", "6.1"),
    (r"nonsense\.special_registers: efer_svme: taken, hlt", r".*: refused, errno 22",
     "no nested guests", "6.1"),
    (r"slots\.tables_and_code_gone: root table gone: shutdown", r".*: KVM_RUN: Bad address",
     "tables that cannot be read are the monitor's mistake: EFAULT, not a fault of the guest's"),
    (r"paging\.cr3_outside: pae\S* cr3 .*: set 0, kicked", r".*: set 0, shutdown",
     "6.12's stock lets a PAE guest whose root is not there fault in place for ever", "6.12"),
    (r"insn\.\w+: (stgi|clgi), .*: hlt", r".*: trap 6 at .*", "no nested guests"),
    (r"insn\.\w+: vmcall, .*: (hlt|trap 13 .*)", r".*: trap 6 at .*",
     "stock rewrites Intel's VMCALL in the guest's memory, or tries to"),
    (r"insn\.\w+: (monitor|mwait), .*: hlt", r".*: trap 6 at .*",
     "CPUID says that there is no MONITOR; stock takes it for a NOP"),
    (r"insn\.\w+: rdpmc, .*: hlt", r".*: trap 13 .*", "no performance counters", "6.1"),
    (r"insn\.\w+: rdmsr, .*: hlt", r".*: trap 13 .*", "MSR 0 is of a Pentium"),
    (r"insn\.long_mode: sysenter, long: internal-error suberror 1", r".*: trap 6 at .*",
     "AMD's CPUs have no SYSENTER in long mode; stock's emulator gives up on it"),
    (r"insn\.long_mode\w*: sysexit, .*: trap 13 .*", r".*: trap 6 at .*",
     "AMD's CPUs have no SYSEXIT in long mode"),
    (r"insn\.\w+: lock mov %eax, %cr0, .*: trap 6 .*", r".*: hlt",
     "AMD's LOCK MOV CR0 is CR8 outside of 64-bit mode; stock's emulator does not know it"),
)

STOCK = """
modprobe msr && modprobe kvm-amd npt=0 || exit 1
/t/guest-test /dev/kvm {tests}
a=$?
/t/guest-test /dev/kvmswap refuse.in_use
b=$?
rmmod kvm_amd kvm
# 6.1 has no such parameter, and always does what it asks for.
modprobe kvm enable_virt_at_load=0 && modprobe kvm-amd npt=0 || exit 1
/t/guest-test /dev/kvmswap refuse.in_use
b=$((b + $?))
rmmod kvm_amd kvm
MODULE=/t/kvmswap4.ko; insmod $MODULE && /t/guest-test /dev/kvmswap stale; c=$?; rmmod kvmswap
exit $((a + b + c))
"""

KVMSWAP = """
modprobe msr && insmod /kvmswap/kvmswap.ko || exit 1
[ "$(cat /sys/module/kvmswap/parameters/protocol)" = range ] || exit 1
/t/guest-test /dev/kvmswap {tests}
a=$?
rmmod kvmswap
for protocol in {protocols}; do
	echo "protocol $protocol"
	insmod /kvmswap/kvmswap.ko protocol=$protocol || exit 1
	OBSERVE=/result/$protocol /t/guest-test /dev/kvmswap {by_protocol}
	a=$((a + $?))
	rmmod kvmswap
done
/t/guest-test /dev/kvmswap load
exit $((a + $?))
"""

ABSENT = "/t/guest-test /dev/kvmswap refuse.absent"
DISABLED = "insmod /t/svmdis.ko && /t/guest-test /dev/kvmswap refuse.disabled"

# What is run only for a whole run.
SUMMARY = re.compile(r"guest-test: \S+: \d+ of \d+ tests are good")


class Boot(threading.Thread):
    """One VM: its lines are printed as they come, and kept."""

    def __init__(self, name, script, runs, *arguments):
        super().__init__()
        self.name, self.script, self.runs, self.arguments = name, script, runs, arguments
        self.lines, self.status = [], None

    def run(self):
        """Called by start()."""
        command = [ROOT / "code/boot/boot.py", "--name", f"guest-{self.name}-{KERNEL}",
                   "--silence", "320", "--timeout", "1200", "--swap", "256",
                   "--env", "OBSERVE=/result/observed", "--file", f"{PROGRAM}:/t/guest-test",
                   "--file", f"{BUILT}/kvmswap.ko:/kvmswap/kvmswap.ko",
                   *self.arguments, "--pull", f"/result:{RESULTS / self.name}",
                   "--", "mkdir /result; touch /result/observed; " + self.script]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                print(f"{self.name}: {line}", end="", flush=True)
                self.lines.append(line.rstrip("\n"))
        self.status = process.returncode

    def count(self):
        """(passed, failed), with a failure for whatever did not come to its end."""
        passed = sum(line.startswith("ok ") for line in self.lines)
        failed = sum(line.startswith("NOT OK ") for line in self.lines)
        done = sum(bool(SUMMARY.match(line)) for line in self.lines)
        if done < self.runs:
            print(f"FAILED: {self.name}: {self.runs - done} runs of the tests did not end")
            failed += self.runs - done
        if self.status and not failed:
            print(f"FAILED: {self.name}: status {self.status}")
            failed += 1
        return passed, failed

    def observed(self, name="observed"):
        """test -> its lines"""
        out = {}
        path = RESULTS / self.name / name
        for line in path.read_text().splitlines() if path.exists() else ():
            out.setdefault(line.partition(":")[0], []).append(line)
        return out


def compare(stock, kvmswap, whole):
    """Lays the observations side by side; returns (passed, failed)."""
    passed = failed = 0
    differences = [entry for entry in DIFFERENCES if entry[3:] in ((), (SERIES,))]
    unused = set(differences)
    for test in sorted(stock.keys() | kvmswap.keys()):
        ours, theirs = kvmswap.get(test, []), stock.get(test, [])
        bad = [] if len(ours) == len(theirs) else [
            f"stock KVM has {len(theirs)} lines, kvmswap {len(ours)}"]
        for one, other in zip(theirs, ours):
            if one == other:
                continue
            found = [entry for entry in differences
                     if re.fullmatch(entry[0], one) and re.fullmatch(entry[1], other)]
            unused -= set(found)
            if not found:
                bad.append(f"stock:   {one}\n           kvmswap: {other}")
        if bad:
            failed += 1
            print("FAILED: not as on stock KVM:", *bad, sep="\n           ")
        else:
            passed += 1
    for entry in unused if whole else ():
        failed += 1
        print(f"FAILED: no test shows this difference any more: {entry[0]}")
    return passed, failed


def compare_all(stock, kvmswap, tests):
    """What each protocol's run has observed, beside the oracle's; a list of (passed, failed)."""
    oracle = stock.observed()
    counts = [compare(oracle, kvmswap.observed(), not tests)]
    for protocol in PROTOCOLS:
        expected = {test: lines for test, lines in oracle.items()
                    if tests or test.partition(".")[0] in BY_PROTOCOL.split()}
        counts.append(compare(expected, kvmswap.observed(protocol), False))
    return counts


def build_modules():
    """kvmswap without what only debuggers read, and the module that plays a firmware."""
    folder = BUILT / "svmdis"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-debug", "-o", BUILT / "kvmswap.ko",
                    ROOT / f"build/{KERNEL}/chapter{LAST}/kvmswap.ko"], check=True)
    for path in (ROOT / "tests/guest/svmdis").iterdir():
        if not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(make_command(kernel_dir(KERNEL), folder, ["-s", "KCFLAGS=-Werror", "modules"]),
                   env=environment, check=True)


def run(boots, at_once):
    """Runs them, some at once."""
    for first in range(0, len(boots), at_once):
        for boot in boots[first:first + at_once]:
            boot.start()
        for boot in boots[first:first + at_once]:
            boot.join()


def main(tests):
    """The command line."""
    build_modules()
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir()
    names = " ".join(tests)
    stock = Boot("stock", STOCK.format(tests=names), 4,
                 "--file", f"build/{KERNEL}/chapter4/kvmswap.ko:/t/kvmswap4.ko")
    kvmswap = Boot("kvmswap", KVMSWAP.format(tests=names, protocols=" ".join(PROTOCOLS),
                                             by_protocol=names or BY_PROTOCOL),
                   2 + len(PROTOCOLS))
    others = [
        Boot("absent", ABSENT, 1, "--cpu", "qemu64,-svm"),
        Boot("disabled", DISABLED, 1, "--file", f"{BUILT}/svmdis/svmdis.ko:/t/svmdis.ko"),
    ]
    boots = [kvmswap] if KIND else [stock, kvmswap, *others]
    run(boots, int(os.environ.get("VMS", "2")))
    counts = [boot.count() for boot in boots]
    if not KIND:
        counts += compare_all(stock, kvmswap, tests)
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
