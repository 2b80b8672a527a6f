#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The gate between text and code: what must hold before the book is built.

 1. Every '.. show::' of a page names one region or function that is there once.
 2. Every named region of a source file is shown by some page.
 3. Every public function of the module (not static, declared in a header) has
    a contract: what it does, each parameter, Context, and Return unless void.
 4. Every name in the table's kvmswap column (docs/names.csv) is in the module.
 5. No more than 3 lines in a hundred are region markers.
 6. A chapter's sample (what a real run printed, shown by the page) is such as its
    'expected' wants it, so that text and demo cannot part.
 7. Where a demo says in which function something happened, that function is there.

Needs nothing but Python. Usage: gate.py [ROOT]; prints file:line of each fault.
"""
import csv
import re
import sys
from pathlib import Path

from csource import MODULE, ROOT, SourceError, SourceFile, locate, pages, shown

sys.path.insert(0, str(ROOT / "code" / "boot"))
from chapter import compare, expectation     # noqa: E402: how make chapterN compares

MAX_MARKERS = 0.03
SUFFIXES = {".c", ".h", ".S", ".py", ".sh"}


class Gate:
    def __init__(self, root):
        self.root = Path(root)
        self.faults = []
        self.files = {}
        for path in self._paths():
            try:
                self.files[path] = SourceFile(path, self.root)
            except SourceError as error:
                self.faults.append(str(error))

    def _paths(self):
        """Sources that pages may show: the module's, code/ and the demos of chapters/."""
        for folder in (MODULE, "code", "chapters"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.is_file() and (path.suffix in SUFFIXES or path.name == "demo"):
                    yield path

    def fault(self, where, line, text):
        label = where.relative_to(self.root)
        self.faults.append(f"{label}:{line}: {text}")

    def check_shown(self):
        """Rules 1 and 2."""
        used = set()
        for page in pages(self.root):
            for line, name, what in shown(page):
                try:
                    path = locate(name, self.root)
                    source = self.files.get(path) or SourceFile(path, self.root)
                    kind, first, _, _ = source.find(what)
                    if kind == "region":
                        used.add((path, what))
                except SourceError as error:
                    self.fault(page, line, error)
        for path, source in self.files.items():
            for region in source.regions:
                if (path, region.name) not in used:
                    self.fault(path, region.first - 1, f"region '{region.name}' is shown by no "
                               "page: show it, or take its two markers away")
            names = [region.name for region in source.regions]
            for region in source.regions:
                if names.count(region.name) > 1:
                    self.fault(path, region.first - 1, f"region '{region.name}' is in this file "
                               f"{names.count(region.name)} times: name each differently")

    def check_contracts(self):
        """Rule 3."""
        module = [source for path, source in self.files.items()
                  if path.parent == self.root / MODULE]
        public = {}
        for source in module:
            if source.path.suffix == ".h":
                for item in source.items:
                    if item.kind != "function" or item.static or item.stub:
                        continue
                    if item.name in public:
                        first = public[item.name]
                        self.fault(source.path, item.first, f"{item.name}() is declared twice; "
                                   f"the first is {first[0].label}:{first[1].first}")
                    else:
                        public[item.name] = (source, item)
        for source in module:
            for item in source.items:
                if item.kind != "function" or item.static or item.stub or \
                        item.name not in public:
                    continue
                known = public[item.name][1].contract
                if item.contract and known and known is not item.contract:
                    self.fault(source.path, item.contract.line, f"{item.name}() has a second "
                               f"contract; the first is {public[item.name][0].label}:{known.line}")
                elif item.contract or item.defined:
                    item.contract = item.contract or known
                    public[item.name] = (source, item)
        for source, item in public.values():
            self.check_contract(source, item)

    def check_contract(self, source, item):
        contract = item.contract
        if source.path.suffix == ".S":
            return
        if not contract:
            self.fault(source.path, item.first, f"{item.name}() is public and has no contract: "
                       f"write /** {item.name}() - what it does ... */ right above it")
            return
        line = contract.line
        if contract.name != item.name or not contract.what:
            self.fault(source.path, line, f"the contract above {item.name}() must begin "
                       f"'{item.name}() - what it does'")
        for param in item.params:
            if not contract.params.get(param):
                self.fault(source.path, line, f"{item.name}(): no '@{param}: ...' in the contract")
        for param in contract.params:
            if param not in item.params:
                self.fault(source.path, line, f"{item.name}() has no parameter '{param}', "
                           "but its contract has")
        if not contract.sections.get("Context"):
            self.fault(source.path, line, f"{item.name}(): no 'Context: ...' in the contract: "
                       "which locks are held, may it sleep")
        if not item.void and not contract.sections.get("Return"):
            self.fault(source.path, line, f"{item.name}(): no 'Return: ...' in the contract: "
                       "what comes back, which errors")

    def words(self):
        """Every word of the module's code, comments left out."""
        return {word for path, source in self.files.items() if path.parent == self.root / MODULE
                for word in re.findall(r"\w+", re.sub(r"/\*.*?\*/", " ", source.text, flags=re.S))}

    def check_names(self):
        """Rule 4."""
        table = self.root / "docs" / "names.csv"
        if not table.is_file():
            self.faults.append("docs/names.csv:1: the table of names is missing")
            return
        words = self.words()
        with table.open(encoding="utf-8", newline="") as text:
            rows = csv.reader(text)
            next(rows, None)
            for row in rows:
                if len(row) < 3:
                    self.fault(table, rows.line_num, "a row needs three columns")
                    continue
                for name in re.findall(r"``([^`]*)``", row[1]):
                    for word in re.findall(r"[A-Za-z_]\w*", re.sub(r"\.[chS]\b", "", name)):
                        if word not in words and word not in ("struct", "vm", "vcpu"):
                            self.fault(table, rows.line_num,
                                       f"'{word}' is nowhere in {MODULE}/")

    def check_markers(self):
        """Rule 5, for each of the folders."""
        for folder in (MODULE, "code"):
            sources = [source for path, source in self.files.items()
                       if (self.root / folder) in path.parents]
            total = sum(len(source.lines) for source in sources)
            markers = sum(source.markers for source in sources)
            if total and markers > MAX_MARKERS * total:
                self.faults.append(f"{folder}:1: {markers} of {total} lines are region markers, "
                                   f"more than {MAX_MARKERS:.0%}: show whole functions instead")

    def check_samples(self):
        """Rule 6."""
        for sample in sorted(self.root.glob("chapters/*/sample.txt")):
            if not (sample.parent / "expected").is_file():
                self.fault(sample, 1, "a sample, and no 'expected' beside it")
                continue
            agree, rows = compare(expectation(sample.parent),
                                  sample.read_text(encoding="utf-8").splitlines())
            if not agree:
                sign, text = next(row for row in rows if row[0] != " ")
                self.fault(sample, 1, "not what 'expected' wants: run the chapter, and keep what "
                           f"it prints; first difference: {sign} {text}")

    def check_places(self):
        """Rule 7: code("memslot.c change_slot(), delete_slot()") in a demo."""
        for path, source in self.files.items():
            if (self.root / "chapters") not in path.parents:
                continue
            for number, line in enumerate(source.lines, 1):
                for place in re.findall(r'\bcode\("([^"]*)"\)', line):
                    self.check_place(path, number, place)

    def check_place(self, demo, number, place):
        """Functions named right behind a file are in that file; others somewhere in the module."""
        for name, calls in re.findall(r"([\w-]+\.[chS]) ((?:\w+\(\)(?:, )?)+)", place):
            try:
                path = locate(name, self.root)
                source = self.files.get(path) or SourceFile(path, self.root)
            except SourceError as error:
                self.fault(demo, number, error)
                continue
            there = {item.name for item in source.items if item.defined}
            for call in re.findall(r"\w+", calls):
                if call not in there:
                    self.fault(demo, number, f"{source.label} has no function {call}()")
        for call in set(re.findall(r"(\w+)\(\)", place)) - self.words():
            self.fault(demo, number, f"{call}() is nowhere in {MODULE}/")

    RULES = (check_shown, check_contracts, check_names, check_markers, check_samples, check_places)

    def run(self):
        """All faults; also how many rules hold and how many do not."""
        failed = 0
        for rule in self.RULES:
            before = len(self.faults)
            rule(self)
            failed += len(self.faults) > before
        return self.faults, len(self.RULES) - failed, failed


def main(arguments):
    root = Path(arguments[0]).resolve() if arguments else ROOT
    faults, passed, failed = Gate(root).run()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and not failed:
        failed = 1      # a source that could not be read
    print(f"docs gate: {passed} passed, {failed} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
