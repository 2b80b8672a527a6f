#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Hostile callers and hostile guests, in a VM whose kernel may break.

    fuzz.py short       the same rounds each time, some seconds of each protocol
    fuzz.py long        until IOCTLS= and GUESTS= were done, and MINUTES= are over
    fuzz.py stock       guests that end by themselves, on stock KVM and on kvmswap

From the environment: KERNEL; PROTOCOLS ("range interval": those that are sound on each
kernel); SEED, the first round's (long: by the clock), and with it ROUNDS, for that round
again and what follows it; THREAD=multi for true concurrency.  docs/fuzz.rst says more.

A round that fails prints FAILED and its seed.  A VM that dies takes its round along: then
the seed is the last that the kernel's console has.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
LAST = os.environ.get("LAST", "8")
PROTOCOLS = (os.environ.get("PROTOCOLS") or "range interval").split()

# Of the protocols together.
IOCTLS, GUESTS = 1_000_000, 10_000

SHORT = {"range": "--seed 1 --rounds 7", "interval": "--seed 101 --rounds 3"}

SCRIPT = """
insmod /t/kvmswap.ko protocol={protocol} || exit 1
dmesg | grep -q "kvmswap: protocol {protocol} is not sound" &&
	echo "FAILED: protocol {protocol} is not sound on this kernel"
/t/fuzz {arguments}
status=$?
rmmod kvmswap || {{ echo "FAILED: the module cannot be unloaded"; exit 1; }}
[ $status = 0 ] || exit $status
"""

GOOD = re.compile(r"fuzz: (\d+) rounds good, (\d+) faults")


def number(name, default):
    """A number from the environment."""
    return int(os.environ.get(name) or default)


def strip(module):
    """The module without what only debuggers read."""
    out = ROOT / f"build/tests/fuzz-{KERNEL}.ko"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-debug", "-o", out, module], check=True)
    return out


class Run:
    """One boot: what it printed is printed, and counted."""

    def __init__(self, name, timeout):
        self.name, self.timeout = f"fuzz-{name}-{KERNEL}", timeout
        self.passed = self.failed = self.ended = 0
        self.lines = []

    def boot(self, script, *more):
        """Boots, follows, returns boot.py's status."""
        module = ROOT / f"build/{KERNEL}/chapter{LAST}/kvmswap.ko"
        command = ["nice", ROOT / "code/boot/boot.py", "--kernel", KERNEL, "--name", self.name,
                   "--swap", "256", "--silence", "240", "--timeout", str(self.timeout),
                   "--thread", os.environ.get("THREAD") or "single",
                   "--file", f"{strip(module)}:/t/kvmswap.ko",
                   "--file", f"{ROOT}/build/tests/fuzz:/t/fuzz", *more, "--", script]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))
                print(line, end="", flush=True)
                match = GOOD.match(line)
                if match:
                    self.ended += 1
                    self.passed += int(match.group(1))
                    self.failed += int(match.group(2))
        return process.returncode

    def last_seed(self):
        """The round that ran when the VM ended."""
        console = ROOT / f"build/log/{self.name}.console"
        text = console.read_text(errors="replace") if console.exists() else ""
        return (re.findall(r"fuzz: (seed \d+)", text) or ["no round yet"])[-1]

    def verdict(self, status, runs):
        """Counts what did not come to its end."""
        if self.ended < runs and not self.failed:
            self.failed += 1
            print(f"FAILED: the VM ended in {self.last_seed()}; boot.py says above whether it "
                  "was the kernel or QEMU")
        elif status and not self.failed:
            self.failed += 1
            print(f"FAILED: the boot ended with status {status}")


def short():
    """What `make test` runs."""
    run = Run("short", 600)
    script = "".join(SCRIPT.format(protocol=name, arguments=SHORT[name]) for name in SHORT)
    run.verdict(run.boot(script), len(SHORT))
    return run


def long():
    """What `make fuzz` runs."""
    share = len(PROTOCOLS)
    seconds = int(float(os.environ.get("MINUTES") or 0) * 60)
    seed = number("SEED", int(time.time()) % 1_000_000_000)
    if os.environ.get("SEED"):
        what = f"--rounds {number('ROUNDS', 1)}"
    else:
        what = (f"--ioctls {number('IOCTLS', IOCTLS) // share} "
                f"--guests {number('GUESTS', GUESTS) // share} --seconds {seconds // share}")
    print(f"fuzz: kernel {KERNEL}, protocols {' '.join(PROTOCOLS)}, SEED={seed} and on",
          flush=True)
    run = Run("long", 0)
    script = "".join(SCRIPT.format(protocol=name, arguments=f"--seed {seed} {what}")
                     for name in PROTOCOLS)
    run.verdict(run.boot(script), share)
    return run


def main():
    """The command line."""
    kinds = {"short": short, "long": long}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: fuzz.py {' | '.join(kinds)}")
    run = kinds[sys.argv[1]]()
    print(f"{run.passed} passed, {run.failed} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main())
