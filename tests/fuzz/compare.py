# SPDX-License-Identifier: GPL-2.0
"""Lays the lines of compare.c side by side: stock KVM's and kvmswap's."""

import re

# Whoever did not finish in time, or met an instruction that only stock KVM emulates, says
# nothing about the other.
UNCERTAIN = re.compile(r"\d+ \S+: (time|internal-error)\b")


def lines(path):
    """seed -> line"""
    return {int(line.split()[0]): line for line in path.read_text().splitlines()}


def lay_side_by_side(stock_path, kvmswap_path):
    """Prints what differs; returns (passed, failed)."""
    stock, kvmswap = lines(stock_path), lines(kvmswap_path)
    same = uncertain = failed = 0
    for seed in sorted(stock.keys() | kvmswap.keys()):
        theirs, ours = stock.get(seed, "no line"), kvmswap.get(seed, "no line")
        if UNCERTAIN.match(theirs) or UNCERTAIN.match(ours):
            uncertain += 1
        elif theirs == ours:
            same += 1
        else:
            failed += 1
            print(f"FAILED: not as on stock KVM:\n  stock:   {theirs}\n  kvmswap: {ours}")
    print(f"fuzz: {same} guests ended in the same state on both, {failed} did not, "
          f"{uncertain} were not comparable")
    return same, failed
