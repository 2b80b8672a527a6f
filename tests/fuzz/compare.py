# SPDX-License-Identifier: GPL-2.0
"""Lays the lines of compare.c side by side: stock KVM's and kvmswap's."""

import re

# Whoever did not finish in time, or after all the exits that a guest gets, or met an
# instruction that only stock KVM emulates, says nothing about the other.
UNCERTAIN = re.compile(r"\d+ \S+: (time|io|mmio|internal-error)\b")

# (stock, kvmswap, why); each differs from stock KVM on purpose.
DIFFERENCES = (
    (r"\d+ \S+: (fail-entry|shutdown) .*", r"\d+ \S+: refused, errno 22",
     "kvmswap finds reserved bits of EFER when they are set, not when it is entered"),
)

# After a shutdown the state is undefined; kvmswap shows the address of the last fault.
UNDEFINED = re.compile(r"(?<=: shutdown exits )(.*) cr2 \S+")


def lines(path):
    """seed -> line"""
    return {int(line.split()[0]): UNDEFINED.sub(r"\1", line)
            for line in path.read_text().splitlines()}


def is_known(theirs, ours):
    """Is it one of DIFFERENCES?"""
    return any(re.fullmatch(one, theirs) and re.fullmatch(other, ours)
               for one, other, _ in DIFFERENCES)


def lay_side_by_side(stock_path, kvmswap_path):
    """Prints what differs; returns (passed, failed)."""
    stock, kvmswap = lines(stock_path), lines(kvmswap_path)
    same = uncertain = known = failed = 0
    for seed in sorted(stock.keys() | kvmswap.keys()):
        theirs, ours = stock.get(seed, "no line"), kvmswap.get(seed, "no line")
        if UNCERTAIN.match(theirs) or UNCERTAIN.match(ours):
            uncertain += 1
        elif theirs == ours:
            same += 1
        elif is_known(theirs, ours):
            known += 1
        else:
            failed += 1
            print(f"FAILED: not as on stock KVM:\n  stock:   {theirs}\n  kvmswap: {ours}")
    print(f"fuzz: {same} guests ended in the same state on both, {failed} did not, "
          f"{known} were refused on purpose, {uncertain} were not comparable")
    return same, failed
