// SPDX-License-Identifier: GPL-2.0
// What both pictures use. Times are microseconds since the trace's first event.

const DATA = JSON.parse(document.getElementById("data").textContent);

// Told apart by who sees fewer colours, too: the hues of Okabe and Ito.
const COLOURS = {
	young: "#0072b2", old: "#a9d3ee", mapped: "#6f8796", taken: "#e69f00", unmapped: "#d4d4d4",
	guest: "#dbe3e8", exit: "#8d99a3", walk: "#54427f", host: "#cc79a7", window: "#f0e442",
	retry: "#d55e00", invalidate: "#333333", lost: "#d55e00",
};

const LEFT = 168;	// pixels for the names of the lanes
const RIGHT = 12;

const hex = number => "0x" + number.toString(16);

// A time or a length of time, to read.
function timeText(us) {
	const size = Math.abs(us);

	if (size < 1000)
		return `${us.toFixed(size < 100 ? 1 : 0)} µs`;
	if (size < 1e6)
		return `${(us / 1000).toFixed(size < 1e5 ? 2 : 1)} ms`;
	return `${(us / 1e6).toFixed(3)} s`;
}

// An axis whose labels suit the range that it shows.
function timeAxis(scale) {
	const [start, end] = scale.domain();
	const [unit, size] = end - start < 2000 ? ["µs", 1] :
		end - start < 2e6 ? ["ms", 1000] : ["s", 1e6];
	const inUnit = scale.copy().domain([start / size, end / size]);

	return d3.axisTop(inUnit).ticks(10).tickFormat(value => `${+value.toFixed(4)} ${unit}`);
}

// A box beside the pointer; lines is [title, line ...], or nothing to hide it.
function showTip(lines, event) {
	const tip = document.getElementById("tip");

	tip.hidden = !lines;
	if (!lines)
		return;
	tip.innerHTML = "";
	tip.appendChild(document.createElement("b")).textContent = lines[0];
	tip.appendChild(document.createTextNode(lines.slice(1).join("\n")));
	const wide = tip.offsetWidth, high = tip.offsetHeight;
	tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - wide - 8))}px`;
	tip.style.top = `${Math.max(4, event.clientY + 18 + high < innerHeight ?
		event.clientY + 18 : event.clientY - high - 10)}px`;
}

// Zoom along x, with the mouse and the buttons of a section; a plain wheel scrolls the page.
function addZoom(section, target, wide, most, draw) {
	const zoom = d3.zoom().scaleExtent([1, most])
		.extent([[LEFT, 0], [wide - RIGHT, 1]])
		.translateExtent([[LEFT, 0], [wide - RIGHT, 1]])
		.filter(() => !d3.event.button && (d3.event.type !== "wheel" || d3.event.ctrlKey))
		.on("zoom", () => draw(d3.event.transform));
	const act = {
		in: () => zoom.scaleBy(target, 3), out: () => zoom.scaleBy(target, 1 / 3),
		all: () => zoom.transform(target, d3.zoomIdentity),
	};

	target.call(zoom);
	for (const button of section.querySelectorAll("button[data-zoom]"))
		button.onclick = act[button.dataset.zoom];
	return zoom;
}
