#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Hostile callers and hostile guests, in a VM whose kernel may break.

    fuzz.py short       the same rounds each time, some seconds of each protocol
    fuzz.py long        until IOCTLS= and HOSTILE= guests were done, and MINUTES= are over
    fuzz.py guided      MINUTES=10 of what libFuzzer makes up, on a KERNEL with KCOV
    fuzz.py input HEX   what it made up, again
    fuzz.py stock       COUNT=200 guests on stock KVM and on kvmswap, from SEED=1 on

From the environment: KERNEL; PROTOCOLS ("range interval": those that are sound on each
kernel); SEED, the first round's (long: by the clock), and with it ROUNDS, for that round
again and what follows it; THREAD=multi for true concurrency.  docs/fuzz.rst says more.

A round that fails prints FAILED and its seed.  A VM that dies takes its round along: then
the seed, or the input, is the last that the kernel's console has.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import compare

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
LAST = os.environ.get("LAST", "8")
KNOWN_PROTOCOLS = ("range", "interval", "seqlock")
PROTOCOLS = (os.environ.get("PROTOCOLS") or "range interval").split()

# Of the protocols together.
IOCTLS, GUESTS = 1_000_000, 10_000

SHORT = {"range": "--seed 1 --rounds 7", "interval": "--seed 101 --rounds 3"}
MAX_INPUT = 384  # bytes; as text it has to fit into a line of the kernel's log

ROUNDS = """
insmod /t/kvmswap.ko protocol={protocol} || exit 1
dmesg | grep "kvmswap: protocol {protocol} is not sound" && exit 1
/t/fuzz {arguments} {more}
status=$?
rmmod kvmswap || {{ echo "FAILED: the module cannot be unloaded"; exit 1; }}
[ $status = 0 ] || exit $status
"""

ENGINE = """
[ -e /sys/kernel/debug/kcov ] || {{ echo "FAILED: no KCOV: say KERNEL=6.1-debug"; exit 1; }}
insmod /t/kvmswap.ko && mkdir -p /corpus && cd /corpus || exit 1
/t/fuzz-engine {arguments} 2>&1
status=$?
[ $status = 0 ] || {{ echo "FAILED: libFuzzer ended with status $status"; exit $status; }}
rmmod kvmswap || {{ echo "FAILED: the module cannot be unloaded"; exit 1; }}
echo "fuzz: 1 rounds good, 0 faults"
"""

STOCK = """
mkdir /result
insmod /t/kvmswap.ko && /t/fuzz-compare /dev/kvmswap {seed} {count} >/result/kvmswap || exit 1
rmmod kvmswap && modprobe kvm-amd npt=0 || exit 1
/t/fuzz-compare /dev/kvm {seed} {count} >/result/stock
"""

GOOD = re.compile(r"fuzz: (\d+) rounds good, (\d+) faults")


def number(name, default):
    """A number from the environment, of the type of the default."""
    text = os.environ.get(name) or str(default)
    try:
        value = type(default)(text)
    except ValueError:
        value = -1
    if value < 0:
        sys.exit(f"fuzz: {name}={text}: wants a number that is not negative")
    return value


def seconds(default):
    """MINUTES from the environment, in seconds."""
    return int(number("MINUTES", float(default)) * 60)


def module():
    """The module without what only debuggers read."""
    out = ROOT / f"build/tests/fuzz-{KERNEL}.ko"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-debug", "-o", out,
                    ROOT / f"build/{KERNEL}/chapter{LAST}/kvmswap.ko"], check=True)
    return out


def rounds(protocol, arguments):
    """The line of shell for one protocol; a debug kernel has better means to find a leak."""
    more = "--no-usage" if "-" in KERNEL else ""
    return ROUNDS.format(protocol=protocol, arguments=arguments, more=more)


class Run:
    """One boot: what it printed is printed, and counted."""

    def __init__(self, name, timeout=0):
        self.name, self.timeout = f"fuzz-{name}-{KERNEL}", timeout
        self.passed = self.failed = self.ended = 0

    def boot(self, program, script, *more):
        """Boots, follows, returns boot.py's status."""
        command = ["nice", ROOT / "code/boot/boot.py", "--kernel", KERNEL, "--name", self.name,
                   "--swap", "256", "--silence", "240", "--timeout", str(self.timeout),
                   "--thread", os.environ.get("THREAD") or "single",
                   "--file", f"{module()}:/t/kvmswap.ko",
                   "--file", f"{ROOT}/build/tests/{program}:/t/{program}", *more, "--", script]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, errors="replace") as process:
            for line in process.stdout:
                print(line, end="", flush=True)
                match = GOOD.match(line)
                if match:
                    self.ended += 1
                    self.passed += int(match.group(1))
                    self.failed += int(match.group(2))
        return process.returncode

    def last_round(self):
        """The round that ran when the VM ended."""
        console = ROOT / f"build/log/{self.name}.console"
        text = console.read_text(errors="replace") if console.exists() else ""
        return (re.findall(r"fuzz: (seed \d+|input [0-9a-f]*)", text) or ["no round yet"])[-1]

    def verdict(self, status, runs):
        """Counts what did not come to its end."""
        if self.ended < runs and not self.failed:
            self.failed += 1
            print(f"FAILED: it ended in {self.last_round()}; above is what the program said, and "
                  "if the VM died, whether that was its kernel or QEMU")
        elif status and not self.failed:
            self.failed += 1
            print(f"FAILED: the boot ended with status {status}")


def short():
    """What `make test` runs."""
    run = Run("short", 600)
    script = "".join(rounds(name, SHORT[name]) for name in SHORT)
    run.verdict(run.boot("fuzz", script), len(SHORT))
    return run


def long():
    """What `make fuzz` runs."""
    share = len(PROTOCOLS)
    seed = number("SEED", int(time.time()) % 1_000_000_000)
    if os.environ.get("SEED"):
        what = f"--rounds {number('ROUNDS', 1)}"
    else:
        what = (f"--ioctls {number('IOCTLS', IOCTLS) // share} "
                f"--guests {number('HOSTILE', GUESTS) // share} --seconds {seconds(0) // share}")
    print(f"fuzz: kernel {KERNEL}, protocols {' '.join(PROTOCOLS)}, SEED={seed} and on",
          flush=True)
    run = Run("long")
    script = "".join(rounds(name, f"--seed {seed} {what}") for name in PROTOCOLS)
    run.verdict(run.boot("fuzz", script), share)
    return run


def guided():
    """What `make fuzz-guided` runs; the inputs that ran something new are kept."""
    corpus = ROOT / f"build/fuzz/corpus-{KERNEL}"
    corpus.mkdir(parents=True, exist_ok=True)
    found = corpus.with_name(corpus.name + ".new")
    arguments = (f"-max_total_time={seconds(10)} -max_len={MAX_INPUT} -len_control=0 "
                 f"-print_final_stats=1 -timeout=1200 -report_slow_units=1200 -rss_limit_mb=0 "
                 f"-seed={number('SEED', 1)}")
    run = Run("guided")
    run.verdict(run.boot("fuzz-engine", ENGINE.format(arguments=arguments + " /corpus"),
                         "--file", f"{corpus}:/corpus", "--pull", f"/corpus:{found}"), 1)
    for path in found.glob("*") if found.is_dir() else ():
        shutil.copy(path, corpus)
    shutil.rmtree(found, ignore_errors=True)
    print(f"fuzz: {len(list(corpus.iterdir()))} inputs in {corpus.relative_to(ROOT)}")
    return run


def again():
    """An input of libFuzzer's once more."""
    path = ROOT / "build/fuzz/input"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(bytes.fromhex(sys.argv[2]))
    except ValueError:
        sys.exit("fuzz: an input is hexadecimal digits, as the VM's console shows it")
    run = Run("input", 600)
    run.verdict(run.boot("fuzz-engine", ENGINE.format(arguments="/t/input"),
                         "--file", f"{path}:/t/input"), 1)
    return run


def stock():
    """The same guests on stock KVM and on kvmswap."""
    run = Run("stock")
    results = ROOT / f"build/fuzz/stock-{KERNEL}"
    shutil.rmtree(results, ignore_errors=True)
    results.parent.mkdir(parents=True, exist_ok=True)
    script = STOCK.format(seed=number("SEED", 1), count=number("COUNT", 200))
    status = run.boot("fuzz-compare", script, "--pull", f"/result:{results}")
    if status:
        run.verdict(status, 1)
    else:
        run.passed, run.failed = compare.lay_side_by_side(results / "stock", results / "kvmswap")
    return run


def main():
    """The command line."""
    kinds = {"short": short, "long": long, "guided": guided, "input": again, "stock": stock}
    for name in PROTOCOLS:
        if name not in KNOWN_PROTOCOLS:
            sys.exit(f"fuzz: there is no protocol {name}: say {', '.join(KNOWN_PROTOCOLS)}")
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    if kind not in kinds or len(sys.argv) != (3 if kind == "input" else 2):
        sys.exit("usage: fuzz.py short | long | guided | input HEX | stock")
    run = kinds[kind]()
    print(f"{run.passed} passed, {run.failed} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main())
