#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Installs the Debian packages that a goal needs, and only those that are missing.

    setup.py GROUP ...        the groups of tools.py: build, vm, test, docs

It says first what it is going to do, never asks, and leaves a stamp for each group in
build/setup, so that make calls it once.  Kernel and headers are not installed: see
kernel.py.
"""

import sys

import apt
from common import BUILD, Problem, main, say
from tools import GROUPS, PACKAGES


def missing(packages):
    """Those of the packages that are not installed; all, where apt is not there."""
    have = apt.installed(packages)
    return [name for name in packages if name not in have]


def install(groups):
    """Installs what is missing of some groups."""
    packages = [name for group in groups for name in PACKAGES[group]]
    try:
        wanted = missing(packages)
        if not wanted:
            return
        what = " and ".join(GROUPS[group] for group in groups)
        say(f"setup: for {what}, installing with apt: {' '.join(wanted)}")
        apt.update()
        apt.install(wanted)
    except apt.AptMissing as problem:
        raise Problem(
            f"{problem}\nThis project sets itself up on Debian 12. Elsewhere, install "
            "what the packages below hold, see what `make doctor` says, and then tell "
            "setup that you did, with NO_SETUP=1 as an argument of make.\n  "
            + " ".join(packages)) from None
    left = missing(packages)
    if left:
        raise Problem(f"apt was happy, but these are still missing: {' '.join(left)}")


def command():
    """The command line."""
    groups = sys.argv[1:]
    unknown = [group for group in groups if group not in GROUPS]
    if unknown or not groups:
        raise Problem(f"wants groups out of: {' '.join(GROUPS)}")
    install(groups)
    stamps = BUILD / "setup"
    stamps.mkdir(parents=True, exist_ok=True)
    for group in groups:
        (stamps / group).touch()
    return 0


if __name__ == "__main__":
    main(command)
