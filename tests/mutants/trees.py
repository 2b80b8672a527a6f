# SPDX-License-Identifier: GPL-2.0
"""Where mutants live: copies of the tree under build/mutants, never the tree itself.

    build/mutants/base      the tree as it was when the run began, without a mistake,
                            and what is built of it
    build/mutants/tree/NAME links to base, but for the one file that has the mistake
    build/mutants/source    the module's source for the kernel's build, where mutants
                            take turns

A file is copied only if it is another one, so that a second run builds little.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from mutant import MODULE

LEFT_OUT = {"build", ".git", "__pycache__"}


class Broken(Exception):
    """The run itself went wrong, whatever the mutant; says how."""


def environment(kernel):
    """For a make of its own."""
    out = {name: value for name, value in os.environ.items()
           if not name.startswith(("MAKE", "MFLAGS")) and name not in ("MUTANTS", "CHAPTER")}
    return out | {"KERNEL": kernel, "LC_ALL": "C"}


def same(path, content):
    """Has the file this content already?"""
    return path.is_file() and not path.is_symlink() and path.read_bytes() == content


def write(path, content):
    """A new file in the place of whatever is there, unless it is the same."""
    if same(path, content):
        return
    path.unlink(missing_ok=True)
    path.write_bytes(content)


class Trees:
    """The copies of one tree, @root."""

    def __init__(self, root, kernel):
        self.root, self.kernel, self.lock = root, kernel, None
        self.place = root / "build/mutants"
        self.base = self.place / "base"
        self.source = self.place / "source"
        self.host_out = "build/host" + ("-6.12" if kernel == "6.12" else "")

    def alone(self):
        """Waits until no other run uses these copies, and keeps others out until the end."""
        self.place.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.place / "lock", "wb")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("mutants: another run is under way, and this one waits for its end",
                  flush=True)
            fcntl.flock(self.lock, fcntl.LOCK_EX)

    def take(self):
        """Makes base what the tree is now."""
        if not self.lock:
            self.alone()
        wanted = set()
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(set(names) - LEFT_OUT)
            for name in files:
                path = Path(folder, name).relative_to(self.root)
                wanted.add(path)
                target = self.base / path
                target.parent.mkdir(parents=True, exist_ok=True)
                content = (self.root / path).read_bytes()
                if not same(target, content):
                    write(target, content)
                    shutil.copymode(self.root / path, target)
        for folder, names, files in os.walk(self.base):
            names[:] = sorted(set(names) - LEFT_OUT)
            for name in files:
                path = Path(folder, name)
                if path.relative_to(self.base) not in wanted:
                    path.unlink()
        (self.base / "build").mkdir(exist_ok=True)
        kernels = self.base / "build/kernel"
        if not kernels.is_symlink():
            kernels.symlink_to(self.root / "build/kernel")
        shutil.rmtree(self.place / "tree", ignore_errors=True)

    def module_text(self, file):
        """One file of the module, without a mistake."""
        return (self.base / MODULE / file).read_text(encoding="utf-8")

    def make(self, tree, target):
        """Builds @target in a tree; returns what make said if it failed, else None."""
        done = subprocess.run(["make", "-s", "--no-print-directory", target], cwd=tree,
                              env=environment(self.kernel), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        return done.stdout if done.returncode else None

    def tree_with(self, mutant, built=None):
        """A tree with the mistake, and what of base is @built already (a folder of objects)."""
        tree = self.place / "tree" / mutant.name
        shutil.rmtree(tree, ignore_errors=True)
        (tree / MODULE).mkdir(parents=True)
        for path in self.base.iterdir():
            if path.name not in (MODULE, "build"):
                (tree / path.name).symlink_to(path)
        for path in (self.base / MODULE).iterdir():
            if path.is_file() and path.name != mutant.file:
                (tree / MODULE / path.name).symlink_to(path)
        text = mutant.apply(self.module_text(mutant.file))
        (tree / MODULE / mutant.file).write_text(text, encoding="utf-8")
        (tree / "build").mkdir()
        if built and (self.base / built).is_dir():
            shutil.copytree(self.base / built, tree / built, symlinks=True)
        return tree

    def source_with(self, mutant):
        """The source for the kernel's build, with a mistake; None: without."""
        self.source.mkdir(parents=True, exist_ok=True)
        files = {path.name: path.read_bytes() for path in (self.base / MODULE).iterdir()
                 if path.is_file()}
        if mutant:
            files[mutant.file] = mutant.apply(self.module_text(mutant.file)).encode()
        for path in self.source.iterdir():
            if path.name not in files:
                path.unlink()
        for name, content in files.items():
            write(self.source / name, content)
        return self.source

    def drop(self, mutant):
        """Forgets a mutant's tree: it has megabytes of objects."""
        shutil.rmtree(self.place / "tree" / mutant.name, ignore_errors=True)
