#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Build the book: gate, then Doxygen's XML, then Sphinx. Run by 'make docs'.

build/docs/src is what Sphinx reads: links to the pages in docs/ and chapters/,
and a page made here for each source file and each header. Nothing is rebuilt
whose sources are as they were; every warning is an error.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gate
from csource import MODULE, ROOT, SourceFile

OUT = ROOT / "build" / "docs"
SRC = OUT / "src"
NEEDED = {
    "doxygen": "doxygen",
    "sphinx": "python3-sphinx",
    "breathe": "python3-breathe",
    "furo": "furo",
}


def fail(text):
    sys.exit(f"make docs: {text}")


def check_tools():
    """Say which Debian packages are missing, all at once."""
    missing = []
    for what, package in NEEDED.items():
        if what == "doxygen":
            there = shutil.which("doxygen")
        else:
            there = subprocess.run([sys.executable, "-c", f"import {what}"],
                                   stderr=subprocess.DEVNULL).returncode == 0
        if not there:
            missing.append(package)
    if missing:
        fail("missing: " + " ".join(missing) + "\n  fix: apt-get install " + " ".join(missing))


def write(path, text):
    """Write a file only if that changes it, so that Sphinx reads it again only then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def title(text):
    return f"{text}\n{'=' * len(text)}\n\n"


def sources():
    """The module's files, as a page each."""
    return sorted(path for path in (ROOT / MODULE).iterdir() if path.suffix in (".c", ".h", ".S"))


def api_page(header):
    """The page of a header: what it is for, its structs as they stand, its functions."""
    source = SourceFile(header)
    text = title(header.name) + f".. head-comment:: {header.name}\n\n"
    for item in source.items:
        if item.defined and not item.stub and item.kind in ("struct", "union", "enum"):
            text += f".. show:: {header.name} {item.kind} {item.name}\n   :comment:\n\n"
    for item in source.items:
        # The gate has seen to it that each one that is public has a contract somewhere.
        if item.kind == "function" and not item.stub and (item.contract or not item.static):
            text += f".. doxygenfunction:: {item.name}\n\n"
    return text


def stage():
    """Make build/docs/src say what docs/ and chapters/ say, and drop what went away."""
    keep = set()

    def link(name, target):
        path = SRC / name
        keep.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink() or path.resolve() != target:
            path.unlink(missing_ok=True)
            path.symlink_to(os.path.relpath(target, path.parent))

    for page in sorted((ROOT / "docs").iterdir()):
        if page.suffix in (".rst", ".csv", ".svg", ".css", ".txt"):
            link(page.name, page)
    link("chapters", ROOT / "chapters")
    for folder in ("labs", "tests"):  # a page may quote ../labs/...
        link(f"../{folder}", ROOT / folder)
    (ROOT / "chapters").mkdir(exist_ok=True)
    for path in sources():
        page = SRC / "source" / (path.name + ".rst")
        keep.add(page)
        write(page, f":orphan:\n\n{title(path.name)}.. whole-file:: {path.name}\n")
        if path.suffix == ".h":
            page = SRC / "api" / (path.name + ".rst")
            keep.add(page)
            write(page, api_page(path))
    for folder in ("source", "api", "."):
        for path in (SRC / folder).glob("*"):
            if path not in keep and not (path.is_dir() and not path.is_symlink()):
                path.unlink()


def pieces():
    """Every CONFIG_KVMSWAP_ symbol that the module knows."""
    found = set()
    for path in sources():
        found |= set(re.findall(r"\bCONFIG_KVMSWAP_\w+", path.read_text(encoding="utf-8")))
    return sorted(found)


def doxygen():
    """XML for breathe, if a source or a tool of ours is newer than the last."""
    xml = OUT / "doxygen" / "xml" / "index.xml"
    tools = [ROOT / "docs" / name for name in ("Doxyfile", "kerneldoc.py")]
    names = OUT / "doxygen" / "files"
    listing = "\n".join(path.name for path in sources())
    if xml.is_file() and names.is_file() and names.read_text() == listing and \
            all(path.stat().st_mtime < xml.stat().st_mtime for path in sources() + tools):
        return
    shutil.rmtree(OUT / "doxygen", ignore_errors=True)
    (OUT / "doxygen").mkdir(parents=True)
    config = (ROOT / "docs" / "Doxyfile").read_text(encoding="utf-8")
    config = config.replace("@KVMSWAP_CONFIG@", " ".join(name + "=1" for name in pieces()))
    run = subprocess.run(["doxygen", "-"], input=config, text=True, cwd=ROOT,
                         stderr=subprocess.PIPE)
    if run.returncode or run.stderr.strip():
        sys.stderr.write(run.stderr)
        fail("Doxygen has something to say against the comments above; mend them")
    names.write_text(listing)


def sphinx():
    """HTML. Sphinx warns of a page only when it reads it: what failed is read again."""
    trees = OUT / "doctrees"
    state = trees / "environment.pickle"
    tools = sorted((ROOT / "docs").glob("*.py"))
    if state.is_file() and any(path.stat().st_mtime > state.stat().st_mtime for path in tools):
        shutil.rmtree(trees)
    log = subprocess.run([sys.executable, "-B", "-m", "sphinx", "-q", "-n", "-W", "--keep-going",
                          "-b", "html", "-c", str(ROOT / "docs"), "-d", str(trees),
                          str(SRC), str(OUT / "html")], cwd=ROOT)
    if log.returncode:
        shutil.rmtree(trees, ignore_errors=True)
        fail("Sphinx has warnings, see above; each is an error here")


def main():
    check_tools()
    if gate.main([]):
        sys.exit(1)
    stage()
    doxygen()
    sphinx()
    print("docs: Doxygen and Sphinx without a warning: 2 passed, 0 failed")
    print(f"docs: {(OUT / 'html' / 'index.html').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
