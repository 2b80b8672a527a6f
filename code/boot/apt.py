# SPDX-License-Identifier: GPL-2.0
"""The little that the tools here ask of apt: install, download, look up.

setup.py installs packages by it, kernel.py downloads and unpacks some that are never
installed.  Where there is no apt, AptMissing says so; the caller says what to do.
"""

import os
import re
import shutil
import subprocess

from common import Problem, say


class AptMissing(Problem):
    """This machine has no apt, or apt may not be used."""


def need(*tools):
    """Raises AptMissing unless each tool is there."""
    for tool in tools:
        if not shutil.which(tool):
            raise AptMissing(f"{tool} is not on this machine (it needs Debian or a "
                             "relative of it)")


def as_root(command):
    """The command, through sudo where we are not root."""
    if os.geteuid() == 0:
        return command
    if not shutil.which("sudo"):
        raise AptMissing("neither root nor sudo; as root, run: " + " ".join(command))
    return ["sudo", *command]


def run(command, **options):
    """Runs a command with its news on stderr; a failure is a Problem."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="replace", check=False, **options)
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-15:])
        raise Problem(f"`{' '.join(command)}` failed:\n{tail}")
    return result.stdout


def update():
    """Fetches the lists of packages anew."""
    need("apt-get")
    say("apt: fetching the lists of packages")
    run(as_root(["apt-get", "update", "-q", "-o", "DPkg::Lock::Timeout=300"]))


def install(packages):
    """Installs packages, without what they merely recommend."""
    need("apt-get")
    run(as_root(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y",
                 "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300",
                 *packages]))


def installed(packages):
    """Those of the packages that are installed already."""
    need("dpkg-query")
    result = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *packages],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False)
    return {line.split()[0] for line in result.stdout.splitlines()
            if line.endswith(" ok installed")}


def depends(package):
    """Names that a package depends on, in its newest version; [] if unknown."""
    need("apt-cache")
    result = subprocess.run(["apt-cache", "depends", "--important", package],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False)
    return re.findall(r"Depends: <?([^\s>]+)", result.stdout)


def version(package):
    """The version of a package that apt would take; None if it knows none."""
    need("apt-cache")
    out = subprocess.run(["apt-cache", "policy", package], stdout=subprocess.PIPE, text=True,
                         env=dict(os.environ, LC_ALL="C"), check=False).stdout
    found = re.search(r"^  Candidate: (\S+)", out, re.M)
    return found.group(1) if found and found.group(1) != "(none)" else None


def names(pattern):
    """Names of all known packages that match a regular expression."""
    need("apt-cache")
    out = subprocess.run(["apt-cache", "pkgnames"], stdout=subprocess.PIPE, text=True,
                         check=False).stdout
    return [name for name in out.split() if re.fullmatch(pattern, name)]


def download(packages, folder):
    """Downloads packages into a folder; returns the files."""
    need("apt-get")
    folder.mkdir(parents=True, exist_ok=True)
    run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages],
        cwd=folder)
    return sorted(folder.glob("*.deb"))
