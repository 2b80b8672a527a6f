# SPDX-License-Identifier: GPL-2.0
"""A mutant: one mistake in one place of the module, as a file NAME.patch says it.

    SPDX-License-Identifier: GPL-2.0
    Breaks: what goes wrong with it, in a sentence
    History: where it was made before, if it was
    Run: host 5
    Run: guest 8 run.interrupt io protocol=seqlock

    --- a/kernel-module/FILE
    +++ b/kernel-module/FILE
    @@ one hunk @@

"Run: host N" are the user-space tests of chapter N; "Run: guest N" some groups or tests
of tests/guest on chapter N's module, loaded with the parameters that have a '='.  A
line that begins with a blank goes on with the one before.

The hunk is applied by what it says and not by line numbers: its old lines have to be in
the file, and in one place alone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

MODULE = "kernel-module"
FOLDER = Path(__file__).resolve().parent
KEYS = {"SPDX-License-Identifier", "Breaks", "History", "Run"}


class BadMutant(Exception):
    """The mutant cannot be used; says why and what to do."""


@dataclass(frozen=True)
class Step:
    """The tests that are expected to kill it."""
    kind: str           # host or guest
    chapter: int
    tests: tuple = ()
    parameters: tuple = ()

    def __str__(self):
        return " ".join([self.kind, str(self.chapter), *self.tests, *self.parameters])


@dataclass(frozen=True)
class Mutant:
    """What a patch file says."""
    name: str
    breaks: str
    history: str
    step: Step
    file: str           # in kernel-module/
    old: str
    new: str

    def apply(self, text):
        """The file with the mistake in it; @text is the file without."""
        places = text.count(self.old)
        if places != 1:
            raise BadMutant(
                f"{self.name}.patch does not apply: its old lines are in {MODULE}/{self.file} "
                f"{'no longer' if not places else f'{places} times'}: make it again")
        return text.replace(self.old, self.new)


def read_header(name, lines):
    """The lines 'Key: text' as a dictionary."""
    out, key = {}, None
    for line in lines:
        match = re.match(r"([A-Z][\w-]+): (.+)", line)
        if match:
            key = match.group(1)
            if key not in KEYS or key in out:
                raise BadMutant(f"{name}.patch: '{key}:' is there twice or is not one of "
                                + ", ".join(sorted(KEYS)))
            out[key] = match.group(2).strip()
        elif line.startswith(" ") and key and line.strip():
            out[key] += " " + line.strip()
        elif line.strip():
            raise BadMutant(f"{name}.patch: what is '{line}'? The header has lines 'Key: text'")
    for key in ("Breaks", "Run"):
        if key not in out:
            raise BadMutant(f"{name}.patch: the header has no '{key}:' line")
    return out


def read_step(name, text):
    """From 'guest 8 io protocol=seqlock' to a Step."""
    kind, chapter, *rest = text.split() + [""] * 2
    rest = [word for word in rest if word]
    if kind not in ("host", "guest") or not chapter.isdigit():
        raise BadMutant(f"{name}.patch: 'Run: {text}' is neither 'host N' nor 'guest N TESTS'")
    tests = tuple(word for word in rest if "=" not in word)
    if bool(tests) != (kind == "guest"):
        raise BadMutant(f"{name}.patch: 'Run: {text}': tests are named for guest, and only there")
    return Step(kind, int(chapter), tests, tuple(word for word in rest if "=" in word))


def read_hunk(name, lines):
    """The only hunk of a patch: (file, old text, new text)."""
    if len(lines) < 4 or not lines[0].startswith("--- a/") or not lines[1].startswith("+++ b/") \
            or lines[0][6:] != lines[1][6:] or Path(lines[0][6:]).parent != Path(MODULE):
        raise BadMutant(f"{name}.patch is not a patch of one file of {MODULE}/")
    if not lines[2].startswith("@@") or any(line[:2] in ("@@", "--") for line in lines[3:]):
        raise BadMutant(f"{name}.patch has to have one hunk: a mutant is one mistake")
    old, new = [], []
    for line in lines[3:]:
        mark, text = line[:1] or " ", line[1:]
        if mark not in " +-":
            raise BadMutant(f"{name}.patch: what is '{line}'?")
        if mark in " -":
            old.append(text)
        if mark in " +":
            new.append(text)
    if old == new:
        raise BadMutant(f"{name}.patch changes nothing")
    return Path(lines[0][6:]).name, "\n".join(old) + "\n", "\n".join(new) + "\n"


def read(path):
    """Reads one patch file."""
    name = path.stem
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("--- ")), len(lines))
    header = read_header(name, lines[:start])
    return Mutant(name, header["Breaks"], header.get("History", ""),
                  read_step(name, header["Run"]), *read_hunk(name, lines[start:]))


def read_all(folder=FOLDER):
    """All mutants, by their names."""
    out = [read(path) for path in sorted(Path(folder).glob("*.patch"))]
    if not out:
        raise BadMutant(f"there is no mutant in {folder}")
    return out


def choose(mutants, names):
    """Those that are named, or all."""
    known = {mutant.name: mutant for mutant in mutants}
    for name in names:
        if name not in known:
            raise BadMutant(f"there is no mutant {name}: ls tests/mutants/*.patch shows them")
    return [known[name] for name in names] if names else mutants
