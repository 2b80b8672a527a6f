// SPDX-License-Identifier: GPL-2.0
// The race, as one picture a chapter: a column an event, or to scale.

const race = {
	rows: { time: 14, guest: 26, host: 82, page: 138, spte: 170 },
	high: 204, box: 44, bar: 24,
	byTime: false,
	transform: d3.zoomIdentity,
};

const P_COLOUR = "#0072b2", Q_COLOUR = "#009e73";

// What a step is, in a word or two: [title, below it].
function stepWords(step, column, data) {
	const next = data.steps[column + 1];

	switch (step.name) {
	case "exit":
		return step.code === "#PF" ? ["#PF exit", "no spte"] : [`${step.code} exit`, "it has read"];
	case "page_fault":
		return ["page_fault", hex(data.gva)];
	case "walk":
		return ["walk", `gfn ${hex(data.gfn)}`];
	case "gup":
		return ["gup", `${step.pfn === data.pfn ? "P" : "Q"} = ${hex(step.pfn)}`];
	case "set_spte":
		return ["set_spte", `maps ${step.pfn === data.pfn ? "P" : "Q"}`];
	case "retry":
		return ["retry", "P forgotten"];
	case "entry":
		return ["entry", next && next.code === "#PF" ? "tries again" : "guest reads"];
	default:
		return ["invalidate", (step.times > 1 ? `×${step.times}, ` : "finds ") +
			`${step.sptes} spte${step.sptes === 1 ? "" : "s"}`];
	}
}

// Where a moment of this race is: by its column, or by its time.
function raceScale(data, wide, transform) {
	const right = wide - RIGHT;
	const most = d3.max(DATA.races, one => one.steps.length);
	const end = d3.max(DATA.races, one => one.steps[one.steps.length - 1].t);
	const base = race.byTime ?
		d3.scaleLinear().domain([-end * 0.03, end * 1.12]).range([LEFT, right]) :
		d3.scaleLinear().domain([-0.5, most - 0.4]).range([LEFT, right]);
	const scale = transform.rescaleX(base);

	return column => scale(race.byTime ? data.steps[column].t : column);
}

// A bar, and the first of some texts that there is room for: letters are about 7 pixels wide.
function drawBar(svg, from, to, y, fill, texts, dark) {
	const left = Math.max(from, LEFT), right = Math.max(to, left);
	const text = texts.find(one => right - left > one.length * 7 + 8);

	svg.append("rect").attr("x", left).attr("y", y).attr("width", right - left)
		.attr("height", race.bar).attr("fill", fill);
	if (text)
		svg.append("text").attr("x", left + 8).attr("y", y + 16).text(text)
			.attr("class", dark ? "strong on-dark" : "dim");
}

function drawNames(svg) {
	const { guest, host, page, spte } = race.rows;
	const names = [["the guest's door", guest + 26], ["the host's door", host + 26],
		["the host has there", page + 16], ["the guest's spte maps", spte + 16]];

	svg.append("rect").attr("width", LEFT).attr("height", race.high).attr("fill", "#fff");
	svg.selectAll(".name").data(names).enter().append("text").attr("class", "name strong")
		.attr("x", 0).attr("y", name => name[1]).text(name => name[0]);
	svg.append("text").attr("class", "small dim").attr("y", race.rows.time)
		.text("time since the exit");
}

// To scale, events may be too near each other for their words: then the last of them has the
// first one's name, too.
function nameNear(group, data, steps, x) {
	const first = data.steps[steps[0]], last = data.steps[steps[steps.length - 1]];
	const words = stepWords(last, steps[steps.length - 1], data);
	const lines = steps.length === 1 ? words :
		[`${stepWords(first, steps[0], data)[0]} to ${words[0]}`, `${steps.length} events`];

	lines.forEach((line, number) => group.append("text").text(line)
		.attr("x", x(steps[steps.length - 1]) + 9).attr("y", race.rows[last.door] + 19 + 16 * number)
		.attr("class", number ? "small" : "strong"));
}

function drawNear(svg, data, columns, x) {
	for (const door of ["guest", "host"]) {
		const mine = columns.filter(column => data.steps[column].door === door);
		let near = [];

		mine.forEach((column, i) => {
			near.push(column);
			if (i + 1 < mine.length && x(mine[i + 1]) - x(column) < 100)
				return;
			nameNear(svg, data, near, x);
			near = [];
		});
	}
}

function drawSteps(svg, data, x, right) {
	const half = race.byTime ? 5 : Math.min(44, (x(1) - x(0)) / 2 - 3);
	const shown = d3.range(data.steps.length).filter(column => x(column) >= LEFT &&
		x(column) <= right);
	let freeTime = LEFT;

	for (const column of shown) {
		const step = data.steps[column], at = x(column), top = race.rows[step.door];
		const odd = step.name === "retry" || column === data.mapped && data.result === "stale";
		const group = svg.append("g").attr("class", `step ${step.name}`).datum(step);

		group.append("rect").attr("x", at - half).attr("y", top).attr("width", 2 * half)
			.attr("height", race.box).attr("rx", 4)
			.attr("fill", step.door === "host" ? COLOURS.invalidate : odd ? "#fbe3d3" : "#eef3f6")
			.attr("stroke", odd ? COLOURS.retry : "#555").attr("stroke-width", odd ? 2.5 : 1);
		if (!race.byTime)
			stepWords(step, column, data).forEach((word, line) => group.append("text").text(word)
				.attr("x", at).attr("y", top + 19 + 16 * line).attr("text-anchor", "middle")
				.attr("class", (line ? "small" : "strong") + (step.door === "host" ? " on-dark" : "")));
		if (at - 30 >= freeTime) {
			svg.append("text").attr("class", "small dim").attr("x", at).attr("y", race.rows.time)
				.attr("text-anchor", "middle").text(timeText(step.t));
			freeTime = at + 30;
		}
	}
	if (race.byTime)
		drawNear(svg, data, shown, x);
}

function drawRace(figure, data, wide) {
	const x = raceScale(data, wide, race.transform), right = wide - RIGHT;
	const svg = d3.select(figure).select("svg").attr("width", wide).attr("height", race.high);
	const stale = data.result === "stale";

	svg.selectAll("*").remove();
	svg.append("rect").attr("class", "window").attr("x", Math.max(LEFT, x(data.opened))).attr("y", 20)
		.attr("width", Math.max(0, x(data.closed) - Math.max(LEFT, x(data.opened))))
		.attr("height", race.high - 20).attr("fill", COLOURS.window).attr("opacity", 0.45);
	drawBar(svg, LEFT, x(data.invalidated), race.rows.page, P_COLOUR,
		[`P, frame ${hex(data.pfn)}`, "P"], true);
	drawBar(svg, x(data.invalidated), right, race.rows.page, Q_COLOUR,
		data.newPfn === null ? ["another page", "Q"] : [`Q, frame ${hex(data.newPfn)}`, "Q"], true);
	drawBar(svg, LEFT, x(data.mapped), race.rows.spte, "#f1f1f1", ["nothing: not present"], false);
	drawBar(svg, x(data.mapped), right, race.rows.spte, stale ? P_COLOUR : Q_COLOUR,
		stale ? ["still P: STALE. No callback will come for it any more", "P: STALE", "P"] :
			["Q: right", "Q"], true);
	if (stale)
		svg.append("rect").attr("class", "stale").attr("x", Math.max(LEFT, x(data.mapped)))
			.attr("y", race.rows.spte).attr("height", race.bar)
			.attr("width", Math.max(0, right - Math.max(LEFT, x(data.mapped))))
			.attr("fill", "none").attr("stroke", COLOURS.retry).attr("stroke-width", 4);
	drawSteps(svg, data, x, right);
	const from = Math.max(LEFT, x(data.opened)), to = Math.min(right, x(data.closed));
	if (to - from > (race.byTime ? 360 : 120))
		svg.append("text").attr("class", "small strong").attr("x", (from + to) / 2)
			.attr("y", race.rows.guest + 26).attr("text-anchor", "middle").text("the window");
	drawNames(svg);
	svg.selectAll(".step").on("mousemove", step => showTip([
		`${step.name}${step.times > 1 ? `, ${step.times} times` : ""}`,
		`${timeText(step.t)} after the exit, on CPU ${step.cpu}, by ${step.task}`, step.text],
	d3.event)).on("mouseleave", () => showTip(null));
}

function startRaces() {
	const section = document.getElementById("races");

	section.hidden = !DATA.races.length;
	if (section.hidden)
		return;
	const pictures = d3.select(section).select(".pictures");
	const wide = pictures.node().clientWidth;
	const figures = pictures.selectAll("figure").data(DATA.races).enter().append("figure")
		.attr("class", data => `race ${data.result}`).style("margin", 0);
	const draw = () => figures.each(function (data) { drawRace(this, data, wide); });

	figures.append("h3").text(data => `Chapter ${data.chapter}: ${data.title}`);
	figures.append("p").text(data => data.caption);
	figures.append("svg").attr("role", "img").attr("aria-label", data => data.caption);
	addZoom(section, pictures, wide, 2000, transform => {
		race.transform = transform;
		draw();
	});
	for (const radio of section.querySelectorAll("input[name=axis]"))
		radio.onchange = () => {
			race.byTime = radio.value === "time";
			draw();
		};
	draw();
}
