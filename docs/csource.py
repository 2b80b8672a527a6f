# SPDX-License-Identifier: GPL-2.0
"""What the documentation needs to know about a source file, and no more.

Finds the functions, structs and variables that a file defines, the functions
that a header declares, the kernel-doc comment above each, and the named
regions. It is no C compiler: it relies on kernel coding style (balanced braces
in every branch of an #if), and says so with file:line where that fails.

Used by gate.py (the rules), show.py and build.py (the book) and read.py (a chapter
in the terminal).
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

from contract import Contract, parse_contract

ROOT = Path(__file__).resolve().parent.parent
MODULE = "kernel-module"

# A region is what stands between these two lines, in any language's comment.
MARKER = re.compile(r"^[ \t]*(?:/\*|#|//)[ \t]*(>>>|<<<)[ \t]*([\w.-]*)[ \t]*(?:\*/)?[ \t]*$")

# The same in other projects' styles: it would be no marker here, so say so.
OTHER_MARKER = re.compile(r"^[ \t]*(?:/\*|//)[ \t]*(?:end)?region\b[ \t:]+[\w.-]+[ \t]*(?:\*/)?$")

# Words that look like a function's name, before a parenthesis, and are none.
NOT_A_NAME = {
    "__acquires", "__releases", "__must_hold", "__attribute__", "__printf",
    "__aligned", "__section", "__cond_lock", "if", "for", "while", "switch",
    "sizeof", "typeof", "return", "__typeof__",
}
CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")


class SourceError(Exception):
    """Something the reader of a message can fix: its text starts with file:line."""


@dataclass
class Item:
    """A function, struct, union, enum or variable; lines count from 1, both included."""
    kind: str
    name: str
    first: int
    last: int
    static: bool = False
    void: bool = False
    params: list = field(default_factory=list)
    contract: Contract = None
    comment: int = 0        # the line where the comment above it begins; its own if none
    defined: bool = True
    stub: bool = False


@dataclass
class Region:
    name: str
    first: int
    last: int


def blank(text):
    """The text with comments, strings and preprocessor lines made spaces."""
    out = []
    pos, end = 0, len(text)

    def skip(upto):
        nonlocal pos
        out.append(re.sub(r"[^\n]", " ", text[pos:upto]))
        pos = upto

    while pos < end:
        char = text[pos]
        if text.startswith("/*", pos):
            close = text.find("*/", pos + 2)
            skip(end if close < 0 else close + 2)
        elif text.startswith("//", pos):
            close = text.find("\n", pos)
            skip(end if close < 0 else close)
        elif char in "\"'":
            close = pos + 1
            while close < end and text[close] not in (char, "\n"):
                close += 2 if text[close] == "\\" else 1
            skip(min(close + 1, end))
        elif char == "#" and not text[text.rfind("\n", 0, pos) + 1:pos].strip():
            close = pos
            while True:
                close = text.find("\n", close)
                if close < 0:
                    close = end
                if close == end or text[close - 1] != "\\":
                    break
                close += 1
            # a comment may begin on the line and go on below it
            comment = text.find("/*", pos, close)
            skip(close if comment < 0 else comment)
        else:
            out.append(char)
            pos += 1
    return "".join(out)


def split_params(text):
    """Names of the parameters in the text between a function's parentheses."""
    names = []
    depth = 0
    piece = ""
    for char in text + ",":
        if char == "," and depth == 0:
            piece = piece.strip()
            pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)", piece)
            word = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", piece)
            if piece == "...":
                names.append("...")
            elif pointer:
                names.append(pointer.group(1))
            elif piece and piece != "void" and word:
                names.append(word.group(1))
            piece = ""
            continue
        depth += char in "(["
        depth -= char in ")]"
        piece += char
    return names


class SourceFile:
    """One file: its items by name, its regions by name."""

    def __init__(self, path, root=ROOT):
        self.root = Path(root)
        self.path = Path(path)
        try:
            self.label = str(self.path.relative_to(self.root))
        except ValueError:
            self.label = str(self.path)
        self.text = self.path.read_text(encoding="utf-8")
        self.lines = self.text.split("\n")
        if self.lines and not self.lines[-1]:
            self.lines.pop()
        self.regions = []
        self.markers = 0
        self._find_regions()
        self.items = []
        if self.path.suffix in (".c", ".h"):
            self._find_items()
        elif self.path.suffix == ".S":
            self._find_symbols()

    def error(self, line, text):
        return SourceError(f"{self.label}:{line}: {text}")

    def _find_regions(self):
        opened = {}
        for number, line in enumerate(self.lines, 1):
            marker = MARKER.match(line)
            if OTHER_MARKER.match(line):
                raise self.error(number, "a region is written /* >>> name */ ... /* <<< name */; "
                                         "a whole function needs none")
            if not marker:
                continue
            self.markers += 1
            way, name = marker.groups()
            if not name:
                raise self.error(number, f"'{way}' names no region: write /* {way} name */")
            if way == ">>>":
                if name in opened:
                    raise self.error(number, f"region '{name}' is opened twice "
                                             f"(first in line {opened[name]})")
                opened[name] = number
            else:
                if name not in opened:
                    raise self.error(number, f"region '{name}' ends here and begins nowhere")
                self.regions.append(Region(name, opened.pop(name) + 1, number - 1))
        for name, number in opened.items():
            raise self.error(number, f"region '{name}' has no end: add /* <<< {name} */")

    def _find_symbols(self):
        start = None
        for number, line in enumerate(self.lines, 1):
            found = re.match(r"SYM_(?:FUNC|CODE)_(START|END)\w*\((\w+)\)", line)
            if not found:
                continue
            if found.group(1) == "START":
                start = (found.group(2), number)
            elif start and start[0] == found.group(2):
                self.items.append(Item("function", start[0], start[1], number))

    def _find_items(self):
        code = blank(self.text)
        self.stubs = self._stub_lines()
        depth = 0
        start = None        # of the chunk at the top level
        brace = None        # its first '{' outside of parentheses
        for pos, char in enumerate(code):
            if start is None and not char.isspace():
                start = pos
            if char in "({[":
                if char == "{" and depth == 0:
                    brace = pos
                depth += 1
            elif char in ")}]":
                depth -= 1
                if depth < 0:
                    raise self.error(self._line(pos), f"'{char}' closes nothing")
                if char == "}" and depth == 0 and brace is not None:
                    if self._chunk(code, start, brace, pos):
                        start = brace = None
            elif char == ";" and depth == 0:
                if start is not None and brace is None:
                    self._declaration(code, start, pos)
                elif brace is not None:
                    self._chunk(code, start, brace, pos, whole=True)
                start = brace = None
        if depth:
            raise self.error(len(self.lines), "a brace or parenthesis is never closed: if an #if "
                             "opens one in each branch, move it out of the #if")

    def _stub_lines(self):
        """Lines in the #else of an #ifdef CONFIG_KVMSWAP_...: what stands in while it is off."""
        stack = []
        lines = set()
        for number, line in enumerate(self.lines, 1):
            word = re.match(r"\s*#\s*(if|ifdef|ifndef|else|elif|endif)\b(.*)", line)
            if not word:
                if any(level == "stub" for level in stack):
                    lines.add(number)
            elif word.group(1) == "endif":
                if stack:
                    stack.pop()
            elif word.group(1).startswith("if"):
                ours = word.group(1) == "ifdef" and "CONFIG_KVMSWAP_" in word.group(2)
                stack.append("ours" if ours else "other")
            elif stack and stack[-1] == "ours":
                stack[-1] = "stub"
        return lines

    def _line(self, pos):
        return self.text.count("\n", 0, pos) + 1

    def _add(self, item, start):
        item.stub = item.first in self.stubs
        before = self.text[:start].rstrip()
        item.comment = item.first
        if before.endswith("*/") and not self.text[len(before):start].count("\n") > 1:
            opening = before.rfind("/*")
            item.comment = self._line(opening)
            if before.startswith("/**", opening) and not before.startswith("/**/", opening):
                item.contract = parse_contract(before[opening:], self._line(opening))
        self.items.append(item)

    def _chunk(self, code, start, brace, end, whole=False):
        """A chunk with braces. False: it goes on up to its ';' (struct, variable)."""
        head = code[start:brace]
        first = self._line(start)
        struct = re.match(r"\s*(?:typedef\s+)?(struct|union|enum)\s+(\w+)\s*$", head)
        if struct or "=" in head:
            if not whole:
                return False
            if struct:
                item = Item(struct.group(1), struct.group(2), first, self._line(end))
            else:
                name = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*=", head)
                if not name:
                    return True
                item = Item("variable", name.group(1), first, self._line(end),
                            static="static" in head.split())
            self._add(item, start)
            return True
        if whole:
            return True
        self._function(head, start, first, self._line(end), True)
        return True

    def _declaration(self, code, start, end):
        head = code[start:end]
        if re.match(r"\s*typedef\b", head) or "=" in head:
            return
        self._function(head, start, self._line(start), self._line(end), False)

    def _function(self, head, start, first, last, defined):
        for call in CALL.finditer(head):
            name = call.group(1)
            if name in NOT_A_NAME:
                continue
            before = head[:call.start()]
            if not re.search(r"\w", before):
                return                          # a macro's use: no type before it
            close = call.end()
            depth = 1
            while depth and close < len(head):
                depth += head[close] == "("
                depth -= head[close] == ")"
                close += 1
            item = Item("function", name, first, last, defined=defined)
            item.static = "static" in re.findall(r"\w+", before)
            item.void = re.sub(r"\b(static|inline|extern|asmlinkage|noinline|__\w+)\b", "",
                               before).split() == ["void"]
            item.params = split_params(head[call.end():close - 1])
            self._add(item, start)
            return

    def find(self, name):
        """The one region or definition of that name: (kind, first, last, first with comment)."""
        kind, _, word = name.rpartition(" ")
        found = [("region", r.first, r.last, r.first) for r in self.regions
                 if r.name == name]
        found += [(i.kind, i.first, i.last, i.comment) for i in self.items
                  if i.name == word and i.defined and not i.stub
                  and (not kind or i.kind == kind)]
        # A region around a function of its own name is that function with its comment.
        around = [f for f in found if f[0] == "region"]
        if len(around) == 1:
            found = [f for f in found
                     if f in around or not around[0][1] <= f[1] <= f[2] <= around[0][2]]
        if not found:
            names = sorted({r.name for r in self.regions} |
                           {i.name for i in self.items if i.defined and not i.stub})
            raise SourceError(f"{self.label} has no {kind or 'region or function'} '{word}'; "
                              f"it has: {', '.join(names) or 'none'}")
        if len(found) > 1:
            places = ", ".join(f"{self.label}:{f[1]}" for f in found)
            raise SourceError(f"'{name}' is not one place but {len(found)}: {places}")
        return found[0]


def locate(name, root=ROOT):
    """The path of a file that a page names: of the module, or from the root."""
    for path in (Path(root) / MODULE / name, Path(root) / name):
        if path.is_file():
            return path
    raise SourceError(f"no file '{name}' in {MODULE}/ or from the top")


# ---- what pages say -------------------------------------------------------

SHOW = re.compile(r"^\s*\.\. show::\s*(\S*)\s*(.*?)\s*$")


def pages(root=ROOT):
    """All pages of the book, chapters in order first."""
    root = Path(root)
    return sorted(root.glob("chapters/*/*.rst")) + sorted((root / "docs").glob("**/*.rst"))


def shown(page):
    """Each '.. show::' of a page, as (line, file, name)."""
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        show = SHOW.match(line)
        if show:
            yield number, show.group(1), show.group(2)


# ---- what files say about themselves --------------------------------------

def head_comment(source):
    """The paragraphs of a file's first comment but for the licence line."""
    text = re.sub(r"\A\s*(/\*|//)[^\n]*SPDX[^\n]*\n", "", source.text)
    found = re.match(r"\s*/\*(.*?)\*/", text, flags=re.S)
    if not found:
        raise source.error(1, "no head comment: say in three to six lines what the file is for")
    rows = [re.sub(r"^[ \t]*\*[ ]?", "", row) for row in found.group(1).split("\n")]
    parts = re.split(r"\n[ \t]*\n", "\n".join(rows).strip("\n"))
    return [part.rstrip() if part.startswith((" ", "\t")) else part.strip() for part in parts]
