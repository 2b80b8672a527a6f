#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The pictures of the book and the README, from a page that `make timeline` has made.

    picture.py PAGE FOLDER      writes race.svg and swapped.svg into the folder
"""

import sys
import tempfile
from pathlib import Path

from browser import Browser

STYLE = """text { fill: #1a1a1a; font: 12px "DejaVu Sans", "Liberation Sans", sans-serif; }
text.small { font-size: 11px; } text.strong { font-weight: 600; } text.dim { fill: #444; }
text.on-dark { fill: #fff; } text.title { font-size: 15px; font-weight: 600; }
text.mono { font-family: "DejaVu Sans Mono", monospace; }"""

# Both figures of the race, their titles above them.
RACE = """
	let top = 8, out = "";
	for (const figure of document.querySelectorAll("#races figure")) {
		const svg = figure.querySelector("svg");
		out += `<text class="title" x="0" y="${top + 14}">${figure.querySelector("h3").textContent}` +
			`</text><g transform="translate(0,${top + 28})">${svg.innerHTML}</g>`;
		top += 28 + svg.clientHeight + 20;
	}
	return [document.querySelector("#races svg").clientWidth, top, out];
"""

# The canvas as an image, with the names, the axis and the legend as they are on the page.
SWAPPED = """
	const canvas = document.querySelector(".lanes canvas"), wide = canvas.clientWidth;
	let x = 0, y = 14, out = "";
	const words = (text, style) => {
		out += `<text x="${x}" y="${y}" class="${style}">${text}</text>`;
		x += text.length * 7 + (style ? 2 : 10);
	};
	for (const group of document.querySelectorAll(".legend > span")) {
		words(group.querySelector("b").textContent, "strong");
		for (const entry of group.querySelectorAll(":scope > span")) {
			out += `<rect x="${x}" y="${y - 10}" width="18" height="12" stroke="#666" ` +
				`fill="${entry.querySelector("i").style.background}"/>`;
			x += 23;
			words(entry.textContent, "");
		}
		x = 0;
		y += 18;
	}
	const axis = document.querySelector("svg.axis").innerHTML;
	out += `<g transform="translate(0,${y - 10})">${axis}</g>` +
		`<g transform="translate(0,${y + 18})"><image width="${wide}" height="${canvas.clientHeight}" ` +
		`href="${canvas.toDataURL("image/png")}"/>${document.querySelector("svg.labels").innerHTML}</g>`;
	return [wide, y + 18 + canvas.clientHeight, out];
"""


def write(path, wide, high, content):
    """One picture."""
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">\n'
        "<!-- SPDX-License-Identifier: GPL-2.0 - made by labs/timeline/picture.py of real runs -->\n"
        f"<style>{STYLE}</style>\n"
        f'<rect width="{wide}" height="{high}" fill="#fff"/>\n{content}\n</svg>\n',
        encoding="utf-8")


def main():
    """The command line."""
    if len(sys.argv) != 3 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: picture.py PAGE FOLDER     PAGE: build/timeline/timeline.html")
    folder = Path(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=folder, prefix="browser.") as scratch:
        browser = Browser(scratch)
        try:
            browser.open(sys.argv[1])
            write(folder / "race.svg", *browser.run(RACE))
            # Fewer pages than on the page: the picture is to be read at a glance.
            browser.run("timeline.show(16)")
            write(folder / "swapped.svg", *browser.run(SWAPPED))
        finally:
            browser.close()


if __name__ == "__main__":
    main()
