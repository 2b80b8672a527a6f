#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Everything at once, for long: two guests that the host swaps and tortures.

    soak.py         MINUTES=30 of each protocol that is sound on this KERNEL

One boot a protocol, in which rounds follow each other: in each, two guests in cgroups of
their own, of changing modes, sizes and numbers of vCPUs, each with a thread that does to
its memory and slots all that code/vmm/torture.c knows; meanwhile KSM, khugepaged and
compaction are busy, and every second round is aged by MGLRU.  A run is good if no word
was wrong, the audits found nothing, and the kernel's console has no splat.  The module
itself says when it is loaded that a protocol is not sound; then there is nothing to soak.

From the environment: MINUTES, KERNEL, PROTOCOLS ("range interval seqlock"), SEED of the
first round, THREAD=multi for true concurrency (QEMU itself may hang so: see boot.py).
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
SERIES = KERNEL.partition("-")[0]  # 6.1 of 6.1-debug
LAST = os.environ.get("LAST", "8")
UNSOUND = 99

# Of the two guests of a round, by turns: (arguments, MiB of memory, MiB of its cgroup).
GUESTS = (
    ("--mode long --vcpus 2", 64, 24),
    ("--mode pae --vcpus 2 --guest /kvmswap/guests/words32.bin", 40, 14),
    ("--mode long-2m --vcpus 4", 48, 20),
    ("--mode paging32 --vcpus 1 --guest /kvmswap/guests/words32.bin", 32, 12),
    ("--mode long --vcpus 3 --words 256", 40, 16),
)

SCRIPT = """
insmod /kvmswap/kvmswap.ko protocol={protocol} || exit 1
dmesg | grep -q "kvmswap: protocol {protocol} is not sound" && exit {unsound}
end=$(($(date +%s) + {seconds}))
round=0
while [ $(date +%s) -lt $end ]; do
    echo $((round % 2 * 7)) >/sys/kernel/mm/lru_gen/enabled
    for turn in 0 1; do
        seed=$(({seed} + 2 * round + turn))
        case $(((round + turn * 2) % {guests})) in
{cases}
        esac
        run="--plain --torture --passes 2 --min-in {least} --timeout 3000 --seed $seed $guest"
        (kvmswap-run $run; echo "@= $? $run"; touch /tmp/done$turn) >/tmp/run$turn 2>&1 &
    done
    until [ -e /tmp/done0 ] && [ -e /tmp/done1 ]; do echo @.; sleep 5; done
    wait
    cat /tmp/run0 /tmp/run1
    rm /tmp/done0 /tmp/done1
    round=$((round + 1))
done
rmmod kvmswap
"""


def script(protocol, seconds, seed):
    """What the VM does with one protocol."""
    slow = SERIES != "6.1" and protocol == "seqlock"  # each flush may be of all memory
    cases = "".join(
        f'        {i}) guest="{arguments} --memory {memory // 2 if slow else memory} '
        f'--limit {limit // 2 if slow else limit}";;\n'
        for i, (arguments, memory, limit) in enumerate(GUESTS))
    return SCRIPT.format(protocol=protocol, seconds=seconds, seed=seed, cases=cases,
                         guests=len(GUESTS), least=500, unsound=UNSOUND)


def figure(text, name):
    """A figure of kvmswap-run's summary."""
    found = re.search(rf"{name} +(\d+)", text)
    return int(found.group(1)) if found else -1


class Soak:
    """One protocol's boot, and what it showed."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.passed = self.failed = self.audits = self.pages_in = self.deeds = 0

    def line(self, text, status, arguments):
        """One guest has ended."""
        good = status == "0" and "all checks passed" in text
        self.passed += good
        self.failed += not good
        self.audits += max(figure(text, "audits"), 0)
        self.pages_in += max(figure(text, "  pages in"), 0)
        deeds = re.search(r"torture, seed .*?: (.*);", text)
        self.deeds += sum(map(int, re.findall(r" (\d+)", deeds.group(1)))) if deeds else 0
        print(f"{self.protocol}: {'ok' if good else 'FAILED'}: {arguments}: "
              f"{figure(text, 'time')} s, {figure(text, 'pages in')} pages in, "
              f"{figure(text, 'faults retried')} faults retried, "
              f"{figure(text, 'wrong words')} wrong words", flush=True)
        if not good:
            print(text, flush=True)

    def run(self, minutes, seed):
        """Boots and follows; returns whether it is sound here."""
        command = [ROOT / "code/boot/boot.py", "--name", f"soak-{self.protocol}-{KERNEL}",
                   "--chapter", LAST, "--swap", "768", "--thread",
                   os.environ.get("THREAD", "single"), "--silence", "600",
                   "--timeout", str(int(minutes * 60) + 3600),
                   "--", script(self.protocol, int(minutes * 60), seed)]
        text = []
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                end = re.match(r"@= (\d+) (.*)", line)
                if end:
                    self.line("".join(text), *end.groups())
                    text = []
                elif line != "@.\n":
                    text.append(line)
        if process.returncode == UNSOUND:
            return False
        if process.returncode or not self.passed + self.failed:
            self.failed += 1
            print("".join(text) + f"{self.protocol}: FAILED: the boot ended with status "
                  f"{process.returncode}")
        return True


def main():
    """The command line."""
    minutes = float(os.environ.get("MINUTES") or 30)
    seed = int(os.environ.get("SEED") or time.time()) % 65536
    protocols = (os.environ.get("PROTOCOLS") or "range interval seqlock").split()
    passed = failed = 0
    for protocol in protocols:
        soak = Soak(protocol)
        print(f"soak: protocol {protocol} on {KERNEL}, {minutes:g} minutes, SEED={seed}",
              flush=True)
        if not soak.run(minutes, seed):
            print(f"soak: protocol {protocol} is not sound on {KERNEL}, as the module says")
            continue
        print(f"soak: protocol {protocol} on {KERNEL}: {soak.passed} guests good, "
              f"{soak.failed} not; {soak.pages_in} pages in, {soak.deeds} deeds of torture, "
              f"{soak.audits} audits")
        passed += soak.passed
        failed += soak.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
