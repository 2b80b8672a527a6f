#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The picture of a run for the README, from what a real run wrote to a terminal.

    TERM=xterm-256color script -qec 'stty rows 36 cols 100; make run' -O run.typescript
    docs/picture.py run.typescript 0.2 > docs/run.svg

It follows the few terminal codes that `make run` uses, and draws one picture: the
live map as it was after that part of the run, and below it the summary of the end.
"""
import re
import sys
from html import escape
from pathlib import Path

CELL, LINE, SIZE = 8, 16, 13
BASIC = ["#1c1f24", "#c0392b", "#27ae60", "#d79921", "#3b78c2", "#a15bb5", "#2aa198", "#d5d5d5"]
PLAIN, PAPER = "#d5d5d5", "#1c1f24"
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r?\n)|(\r)|\x1b[()][A-Z0-9]|([^\x1b\r\n])")


def colour256(number):
    """The usual palette of 256 colours."""
    if number < 16:
        return BASIC[number % 8]
    if number >= 232:
        level = 8 + 10 * (number - 232)
        return f"#{level:02x}{level:02x}{level:02x}"
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return "#" + "".join(f"{levels[number // unit % 6]:02x}" for unit in (36, 6, 1))


class Screen:
    """Rows of cells; a cell is (character, colour, paper, bold)."""

    def __init__(self):
        self.rows = [[]]
        self.row = self.column = 0
        self.style = (PLAIN, None, False)

    def put(self, char):
        row = self.rows[self.row]
        row.extend([(" ", PLAIN, None, False)] * (self.column + 1 - len(row)))
        row[self.column] = (char, *self.style)
        self.column += 1

    def newline(self):
        self.row += 1
        self.column = 0
        if self.row == len(self.rows):
            self.rows.append([])

    def colours(self, arguments):
        front, back, bold = self.style
        numbers = [int(word or 0) for word in arguments.split(";")]
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                front, back, bold = PLAIN, None, False
            elif number == 1:
                bold = True
            elif number in (38, 48) and numbers[:1] == [5]:
                found = colour256(numbers[1])
                front, back = (found, back) if number == 38 else (front, found)
                del numbers[:2]
            elif number // 10 in (3, 9):
                front = BASIC[number % 10]
            elif number // 10 in (4, 10):
                back = BASIC[number % 10]
        self.style = front, back, bold

    def feed(self, text):
        """Draw, and yield each time that a new frame is about to be drawn over the last."""
        for arguments, code, line, back, char in TOKEN.findall(text):
            if char:
                self.put(char)
            elif line:
                self.newline()
            elif back:
                self.column = 0
            elif code == "m":
                self.colours(arguments)
            elif code == "K":
                del self.rows[self.row][self.column:]
            elif code == "A":
                yield self.row - int(arguments or 1), self.row
                self.row = max(0, self.row - int(arguments or 1))


def draw_row(row, top, boxes):
    """SVG of a row's text, in runs of one style; half blocks go into boxes, by colour."""
    out = []
    column = 0
    while column < len(row):
        char, front, back, bold = row[column]
        end = column + 1
        while end < len(row) and row[end][1:] == row[column][1:] and \
                (row[end][0] == char if char in "▀█" else row[end][0] not in "▀█"):
            end += 1
        left, width = column * CELL, (end - column) * CELL
        half = LINE // 2
        if char in "▀█":
            lower = front if char == "█" else back or PAPER
            for colour, y in ((front, top), (lower, top + half)):
                boxes.setdefault(colour, []).append(f"M{left} {y}h{width}v{half}h-{width}z")
        else:
            # Not every viewer keeps spaces: these are of the kind that is never dropped.
            text = "".join(cell[0] for cell in row[column:end]).replace(" ", "\u00a0")
            if text.strip("\u00a0"):
                weight = ' font-weight="bold"' if bold else ""
                out.append(f'<text x="{left}" y="{top + 12}" textLength="{width}" '
                           f'fill="{front}"{weight}>{escape(text)}</text>')
        column = end
    return out


def draw(rows):
    width = max(len(row) for row in rows) * CELL + 24
    height = len(rows) * LINE + 24
    boxes = {}
    text = [line for number, row in enumerate(rows)
            for line in draw_row(row, number * LINE, boxes)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}">',
        "<!-- SPDX-License-Identifier: GPL-2.0 - made by docs/picture.py from a real run -->",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        '<g transform="translate(12 12)">',
        *(f'<path shape-rendering="crispEdges" fill="{colour}" d="{"".join(path)}"/>'
          for colour, path in boxes.items()),
        *text, "</g>", "</svg>", ""])


def main():
    if len(sys.argv) != 3 or not re.fullmatch(r"0(\.\d+)?", sys.argv[2]):
        sys.exit("usage: picture.py TYPESCRIPT PART > PICTURE.svg     PART: 0 to 0.99")
    screen = Screen()
    frames = []
    last = 0
    for first, last in screen.feed(Path(sys.argv[1]).read_text(encoding="utf-8")):
        frames.append([list(row) for row in screen.rows[first:last]])
    if not frames:
        sys.exit(f"{sys.argv[1]}: no live map in it: was the output a terminal?")
    after = screen.rows[last:]
    while after and not "".join(cell[0] for cell in after[-1]).endswith("checks passed"):
        after.pop()
    if not after:
        sys.exit(f"{sys.argv[1]}: this run did not end with its checks passed")
    sys.stdout.write(draw(frames[int(len(frames) * float(sys.argv[2]))] + after))


if __name__ == "__main__":
    main()
