// SPDX-License-Identifier: GPL-2.0
// The kinds of lanes, each drawn into a row of the canvas. What a lane is:
//   { name, high, kind, ... } with sorted stretches [start, end, colour's name, tip], or
//   with sorted points [time, colour's name, tip].

// The first index at which item[0] is above t.
const after = d3.bisector(item => item[0]).right;

// The stretches that are at least in part between two times.
function visible(stretches, start, end) {
	return [Math.max(0, after(stretches, start) - 1), after(stretches, end)];
}

// How much of each column of the screen each colour has: [column][colour] of 1.
function coverage(stretches, view) {
	const columns = Array.from({ length: view.right - view.left }, () => null);
	const [first, last] = visible(stretches, view.start, view.end);

	for (let i = first; i < last; i++) {
		const [start, end, colour] = stretches[i];
		const from = Math.max(0, view.x(start) - view.left);
		const to = Math.min(columns.length, view.x(end) - view.left);

		for (let column = Math.floor(from); column < to; column++) {
			const part = Math.min(to, column + 1) - Math.max(from, column);

			columns[column] = columns[column] || {};
			columns[column][colour] = (columns[column][colour] || 0) + part;
		}
	}
	return columns;
}

// Each column has one colour, that which has most of it.
function drawStates(canvas, lane, view) {
	coverage(lane.stretches, view).forEach((parts, column) => {
		if (!parts)
			return;
		canvas.fillStyle = COLOURS[Object.keys(parts).reduce((a, b) => parts[b] > parts[a] ? b : a)];
		canvas.fillRect(view.left + column, lane.top, 1, lane.high);
	});
}

// Each column is shared among its colours, as the time was.
function drawShares(canvas, lane, view) {
	coverage(lane.stretches, view).forEach((parts, column) => {
		let y = lane.top + lane.high;

		for (const colour of lane.order) {
			const high = parts && parts[colour] ? Math.min(1, parts[colour]) * lane.high : 0;

			canvas.fillStyle = COLOURS[colour];
			canvas.fillRect(view.left + column, y - high, 1, high);
			y -= high;
		}
	});
}

// How many there were in the time of two columns; one by one when there is room. The height
// is the root of the number's share, so that one is seen beside a hundred.
function drawCounts(canvas, lane, view) {
	const [first, last] = [after(lane.points, view.start), after(lane.points, view.end)];
	const bins = new Map();
	let most = 0;

	for (let i = first; i < last; i++) {
		const bin = Math.floor((view.x(lane.points[i][0]) - view.left) / 2);
		const counts = bins.get(bin) || { all: 0 };

		counts[lane.points[i][1]] = (counts[lane.points[i][1]] || 0) + 1;
		most = Math.max(most, ++counts.all);
		bins.set(bin, counts);
	}
	lane.most = most;
	for (const [bin, counts] of bins) {
		let y = lane.top + lane.high;

		for (const colour of lane.order) {
			const high = (counts[colour] || 0) / Math.sqrt(counts.all * most) * lane.high;

			canvas.fillStyle = COLOURS[colour];
			canvas.fillRect(view.left + 2 * bin, y - high, 2, high);
			y -= high;
		}
	}
	if (!lane.lasting || last - first > 400)
		return;
	// From the first call of an invalidation to the second.
	for (let i = Math.max(0, first - 20); i < last; i++) {
		const [start, colour, , end] = lane.points[i];
		const from = Math.max(view.left, Math.floor(view.x(start)));
		const to = Math.min(view.right, Math.ceil(view.x(end)));

		canvas.fillStyle = COLOURS[colour];
		canvas.fillRect(from, lane.top, Math.max(2, to - from), lane.high);
	}
}

// All pages: how many in each state.
function drawAll(canvas, lane, view) {
	const { columns, span, shares, total } = lane;

	for (let at = view.left; at < view.right; at++) {
		const moment = Math.round(view.x.invert(at) / span * columns);
		let y = lane.top + lane.high;

		if (moment < 0 || moment > columns)
			continue;
		for (const state of lane.order) {
			const high = shares[state][moment] / total * lane.high;

			canvas.fillStyle = COLOURS[state];
			canvas.fillRect(at, y - high, 1, high);
			y -= high;
		}
	}
}

const DRAW = { states: drawStates, shares: drawShares, counts: drawCounts, all: drawAll };

// What the pointer is on: a tip's lines, or null.
function tipOf(lane, t, view) {
	const near = 4 * (view.end - view.start) / (view.right - view.left);

	if (lane.kind === "all") {
		const moment = Math.round(t / lane.span * lane.columns);

		return [`All ${lane.total} pages at ${timeText(t)}`,
			...lane.order.map(state => `${state}: ${lane.shares[state][moment]}`)];
	}
	if (lane.kind === "counts") {
		const first = after(lane.points, t - near), last = after(lane.points, t + near);
		let best = null;

		for (let i = first; i < last; i++)
			if (!best || Math.abs(lane.points[i][0] - t) < Math.abs(best[0] - t))
				best = lane.points[i];
		if (!best && lane.lasting) {
			const before = lane.points[after(lane.points, t) - 1];

			best = before && before[3] > t ? before : null;
		}
		return best && [...best[2](), ...(last - first > 1 ?
			[`(the nearest of ${last - first} within ${timeText(2 * near)})`] : [])];
	}
	for (const at of [t, t + near / 2, t - near / 2]) {
		const one = lane.stretches[after(lane.stretches, at) - 1];

		if (one && one[1] > at)
			return one[3](one);
	}
	return null;
}
