// SPDX-License-Identifier: GPL-2.0
// The run: from the data to lanes, and the picture of them with its axis, names and tips.

const RUN = DATA.run;
const PAGE_STATES = ["young", "old", "mapped", "taken", "unmapped"];

let shownPages = 40;

const pageText = page => `gfn ${hex(page.gfn)}`;

function spanText([start, end]) {
	return `from ${timeText(start)} to ${timeText(end)}: ${timeText(end - start)}`;
}

const STATE_WORDS = {
	young: "mapped, and used in this stretch", old: "mapped, and not used in this stretch",
	mapped: "mapped; the trace ends before anyone asks whether it was used",
	taken: "taken by the host: swapped out", unmapped: "not mapped, by the module's own choice",
};

function pageLane(page) {
	const tip = ([start, end, state, , written]) => [
		`${pageText(page)}: ${STATE_WORDS[state]}`, spanText([start, end]),
		...(state !== "taken" ? [] : [written === null ? "not written: the disk has it still" :
			`written to the disk at ${timeText(written)}`]),
		`the host took it ${page.taken} times in this run`];

	return { name: `${hex(page.gfn)}  ×${page.taken}`, kind: "states", high: 12, gap: 2, page,
		stretches: page.stretches.map(([start, end, state, written]) =>
			[start, end, PAGE_STATES[state], tip, written]) };
}

// A fault's parts, as stretches that know it.
function faultParts(fault, number) {
	const [start, walk, gup, done, end, gfn, gva, error, pfn, result] = fault;
	const at = { walk, gup, done };
	const tip = () => [`vCPU ${number}: fault at ${hex(gva)}, ${RUN.results[result]}`,
		`error code ${hex(error)} (${error & 2 ? "write" : error & 16 ? "fetch" : "read"})` +
			(gfn === null ? "" : `, gfn ${hex(gfn)}`) + (pfn === null ? "" : `, pfn ${hex(pfn)}`),
		...[["exit to walk", start, walk], ["walk to gup (the host)", walk, gup],
			["gup to the end of the window", gup, done], ["in all", start, end]]
			.filter(part => part[1] !== null && part[2] !== null)
			.map(part => `${part[0]}: ${timeText(part[2] - part[1])}`)];
	const out = [];
	let from = start;

	for (const [colour, name] of [["walk", "walk"], ["host", "gup"], ["window", "done"]])
		if (at[name] !== null) {
			out.push([from, at[name], colour, tip]);
			from = at[name];
		}
	if (end !== null)
		out.push([from, end, "walk", tip]);
	return out;
}

function vcpuLanes(vcpu) {
	const name = `vCPU ${vcpu.number}`;
	const tip = what => ([start, end]) => [`${name}: ${what === "guest" ? "the guest runs" :
		`${what} exit`}`, spanText([start, end])];
	const stretches = vcpu.stretches.map(([start, end, what]) => [start, end,
		RUN.kinds[what] === "guest" ? "guest" : "exit", tip(RUN.kinds[what])]);
	const retried = RUN.results.indexOf("retried");
	const faults = vcpu.faults.filter(fault => fault[9] === retried);

	return [
		{ name, high: 36, gap: 3, kind: "shares", order: ["guest", "exit", "walk", "host", "window"],
			stretches: stretches.concat(...vcpu.faults.map(fault => faultParts(fault, vcpu.number)))
				.sort((a, b) => a[0] - b[0]) },
		{ name: `${name}: retries`, high: 20, gap: 8, kind: "counts", order: ["retry"],
			points: faults.map(fault => [fault[3], "retry", () => [
				`${name}: retry of gfn ${hex(fault[5])}`, `at ${timeText(fault[3])}, because ${fault[10]}`,
				`the window was open for ${timeText(fault[3] - fault[2])}`]])
				.sort((a, b) => a[0] - b[0]) },
	];
}

function hostLanes() {
	const call = ([start, end, first, bytes, gfns, sptes, task, cpu]) => () => [
		`the host invalidates ${bytes < 1 << 30 ? `${bytes / 4096} page${bytes === 4096 ? "" : "s"}` :
			"all"}`,
		...(gfns.length ? [`gfn ${gfns.slice(0, 6).map(hex).join(" ")}` +
			(gfns.length > 6 ? " ..." : "")] : []),
		`hva ${hex(first)}`,
		`${sptes} spte${sptes === 1 ? "" : "s"} dropped, by ${RUN.tasks[task]} on CPU ${cpu}`,
		`at ${timeText(start)}` + (end === null ? "" : `; its end came ${timeText(end - start)} later`)];
	const ask = ([time, gfn, young, cleared]) => () => [
		`the host asks: is gfn ${hex(gfn)} young?`, young ? "yes" : "no",
		`at ${timeText(time)}${young && cleared ? "; from now on it counts as old" : ""}`];

	return [
		{ name: "the host invalidates", high: 36, gap: 3, kind: "counts", order: ["invalidate"],
			lasting: true, points: RUN.invalidations.map(one =>
				[one[0], "invalidate", call(one), one[1] === null ? one[0] : one[1]]) },
		{ name: "the host asks: young?", high: 36, gap: 10, kind: "counts", order: ["young", "old"],
			points: RUN.asks.map(one => [one[0], one[2] ? "young" : "old", ask(one)]) },
	];
}

// Which pages to show: pages come sorted by how often they were taken.
function choosePages(how, from) {
	const byNumber = RUN.pages.slice().sort((a, b) => a.gfn - b.gfn);

	if (from !== null) {
		const first = byNumber.findIndex(page => page.gfn >= from);

		return first < 0 ? [] : byNumber.slice(first, first + shownPages);
	}
	if (how === "kept")
		return RUN.pages.slice(-shownPages).reverse();
	if (how === "spread") {
		const step = Math.max(1, byNumber.length / shownPages);

		return d3.range(Math.min(shownPages, byNumber.length)).map(i => byNumber[Math.floor(i * step)]);
	}
	return RUN.pages.slice(0, shownPages);
}

function place(lanes) {
	let top = 6;

	for (const lane of lanes) {
		lane.top = top;
		top += lane.high + lane.gap;
	}
	return top + 4;
}

function drawLosses(canvas, view, high) {
	canvas.fillStyle = COLOURS.lost;
	for (const [start, end] of RUN.losses) {
		const from = Math.max(view.left, view.x(start)), to = Math.min(view.right, view.x(end) + 2);

		for (let y = 0; y < high; y += 8)
			if (to > from)
				canvas.fillRect(from, y, to - from, 3);
	}
}

function drawNamesOfLanes(svg, lanes, high, wide) {
	svg.attr("width", wide).attr("height", high).selectAll("*").remove();
	svg.selectAll("text.name").data(lanes).enter().append("text").attr("x", LEFT - 8)
		.attr("text-anchor", "end").attr("y", lane => lane.top + lane.high / 2 + 4)
		.attr("class", lane => lane.page ? "name small mono" : "name strong").text(lane => lane.name);
	svg.append("line").attr("class", "cursor").attr("y2", high).attr("stroke", "#d55e00")
		.attr("visibility", "hidden");
}

function legend(section) {
	const groups = [["Pages", [["young", "young"], ["old", "old"], ["taken", "taken: swapped out"],
		["unmapped", "unmapped"]]],
	["vCPUs", [["guest", "guest runs"], ["walk", "fault: walk, map"],
		["host", "fault: waits for the host's page"], ["window", "fault: the window"],
		["exit", "other exits"], ["retry", "retry"]]],
	["The host", [["invalidate", "invalidation"]]]];

	for (const [title, entries] of groups) {
		const group = d3.select(section).select(".legend").append("span");

		group.append("b").text(`${title}: `);
		for (const [colour, text] of entries) {
			const entry = group.append("span").style("margin-left", "8px").style("white-space", "nowrap");

			entry.append("i").style("background", COLOURS[colour]);
			entry.append("span").text(text);
		}
	}
}

function startRun() {
	const section = document.getElementById("run");
	const box = section.querySelector(".lanes"), wide = box.clientWidth;
	const canvasNode = box.querySelector("canvas"), canvas = canvasNode.getContext("2d");
	const names = d3.select(box).select("svg"), axis = d3.select(section).select("svg.axis");
	const choice = section.querySelector("select"), from = section.querySelector("input");
	const base = d3.scaleLinear().domain([0, RUN.span]).range([LEFT, wide - RIGHT]);
	const all = { name: `all ${RUN.pages.length} pages used`, kind: "all", high: 96, gap: 10,
		span: RUN.span, columns: RUN.shares.young.length - 1, shares: RUN.shares,
		total: RUN.pages.length, order: ["young", "old", "mapped", "unmapped", "taken"] };
	const fixed = [all, ...hostLanes(), ...[].concat(...RUN.vcpus.map(vcpuLanes))];
	let lanes, high, view, transform = d3.zoomIdentity;

	function draw() {
		const x = transform.rescaleX(base);
		const [start, end] = x.domain();

		view = { x, start, end, left: LEFT, right: wide - RIGHT };
		canvas.clearRect(0, 0, wide, high);
		for (const lane of lanes)
			DRAW[lane.kind](canvas, lane, view);
		drawLosses(canvas, view, high);
		axis.attr("width", wide).attr("height", 24).selectAll("*").remove();
		axis.append("g").attr("transform", "translate(0,22)").call(timeAxis(x));
		section.querySelector(".range").textContent =
			`shown: ${timeText(end - start)} of ${timeText(RUN.span)}`;
	}

	function choose() {
		const text = from.value.trim();
		const gfn = text === "" ? null : Number(text);
		const pages = Number.isNaN(gfn) ? [] : choosePages(choice.value, gfn);

		section.querySelector(".count").textContent = Number.isNaN(gfn) ?
			"That is no number: write it like 0x100." :
			`${pages.length} of ${RUN.pages.length} are shown, with how often the host took each.`;
		lanes = [...fixed, ...pages.map(pageLane)];
		high = place(lanes);
		const dense = window.devicePixelRatio || 1;
		canvasNode.width = wide * dense;
		canvasNode.height = high * dense;
		canvasNode.style.width = `${wide}px`;
		canvasNode.style.height = `${high}px`;
		canvas.scale(dense, dense);
		drawNamesOfLanes(names, lanes, high, wide);
		draw();
	}

	function point() {
		const [at, y] = d3.mouse(box);
		const lane = lanes.find(one => y >= one.top && y < one.top + one.high + one.gap);
		const inside = at >= LEFT && at < wide - RIGHT;

		names.select(".cursor").attr("visibility", inside ? "visible" : "hidden")
			.attr("x1", at).attr("x2", at);
		showTip(lane && inside ? tipOf(lane, view.x.invert(at), view) : null, d3.event);
	}

	legend(section);
	section.querySelector("h2").textContent = RUN.title;
	section.querySelector(".about").textContent = RUN.about;
	for (const text of RUN.warnings)
		d3.select(section).insert("p", ".chosen").attr("class", "warning").text(text);
	choice.onchange = () => { from.value = ""; choose(); };
	from.onchange = choose;
	d3.select(box).on("mousemove", point)
		.on("mouseleave", () => { showTip(null); names.select(".cursor").attr("visibility", "hidden"); });
	choose();
	addZoom(section, d3.select(box), wide, Math.max(10, RUN.span / 100), changed => {
		transform = changed;
		draw();
	});
	// For tests, and for the curious at the console.
	window.timeline = { run: RUN, races: DATA.races, lanes: () => lanes, view: () => view,
		show: number => { shownPages = number; choose(); } };
}

startRaces();
startRun();
