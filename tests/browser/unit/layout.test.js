// Expected values: the table of the design of the page (stage sizes down, people across), and its rules.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bestGrid, capacity, focusPlaces, gridPlaces, seen } from "../../../signaling/web/stage/layout.js";

const PEOPLE = [[1], [2], [3], [4], [5, 6], [9], [12], [16]];
const TABLE = `
296 412 8   | 1×1 296×412 | 1×2 296×202 | 1×3 234×132 | 2×2 144×202 | 2×3 144×132 | 3×3 93×132 | 3×4 93×97 | 4×4 68×97
366 688 8   | 1×1 366×610 | 1×2 366×340 | 1×3 366×224 | 2×2 179×298 | 2×3 179×224 | 2×5 179×131 | 3×4 116×166 | 4×4 85×142
820 276 8   | 1×1 490×276 | 2×1 406×276 | 3×1 268×268 | 4×1 199×199 | 3×2 238×134 | 5×2 157×134 | 6×2 130×130 | 6×3 130×86
1046 732 14 | 1×1 1046×732 | 2×1 516×516 | 2×2 516×359 | 2×2 516×359 | 3×2 339×339 | 3×3 339×234 | 4×3 251×234 | 4×4 251×172
1400 732 14 | 1×1 1301×732 | 2×1 693×693 | 2×2 638×359 | 2×2 638×359 | 3×2 457×359 | 3×3 417×234 | 4×3 339×234 | 4×4 306×172
2520 1272 14 | 1×1 2261×1272 | 2×1 1253×1253 | 3×1 830×830 | 2×2 1118×629 | 3×2 830×629 | 3×3 737×414 | 4×3 619×414 | 4×4 546×307`;

for (const line of TABLE.trim().split("\n")) {
  const [head = "", ...cells] = line.split("|").map((cell) => cell.trim());
  const [width = 0, height = 0, gap = 0] = head.split(/\s+/).map(Number);
  test(`the grid of a stage of ${width} × ${height}`, () => {
    cells.forEach((cell, column) => {
      for (const count of PEOPLE[column] ?? []) {
        const grid = bestGrid({ width, height, gap }, count);
        assert.equal(`${grid.columns}×${grid.rows} ${grid.width}×${grid.height}`, cell, `${count} people`);
      }
    });
  });
}

test("a tile never leaves the stage and never meets another", () => {
  for (const [width, height] of [[296, 412], [366, 688], [820, 276], [1400, 732]]) {
    for (let count = 1; count <= 16; count += 1) {
      const stage = { width: width ?? 0, height: height ?? 0, gap: 8 };
      const places = gridPlaces(stage, count, bestGrid(stage, count));
      assert.equal(places.length, count);
      places.forEach((a, index) => {
        assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= stage.width && a.y + a.height <= stage.height, `${count} in ${width} × ${height}`);
        for (const b of places.slice(index + 1)) {
          assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, `${count} in ${width} × ${height}`);
        }
      });
    }
  }
});

test("five people on a phone: the first has a row alone", () => {
  const stage = { width: 366, height: 688, gap: 8 };
  const [first, second, third] = gridPlaces(stage, 5, bestGrid(stage, 5));
  assert.equal(first?.width, 366);
  assert.equal(second?.y, third?.y);
  assert.notEqual(first?.y, second?.y);
});

test("the last row is centred", () => {
  const stage = { width: 1400, height: 732, gap: 14 };
  const places = gridPlaces(stage, 5, bestGrid(stage, 5));
  const last = places.slice(3);
  assert.equal(last.length, 2);
  const left = last[0]?.x ?? 0;
  const right = 1400 - ((last[1]?.x ?? 0) + (last[1]?.width ?? 0));
  assert.ok(Math.abs(left - right) <= 1);
});

test("a resize by a pixel, to and fro where the best grid changes, flips the columns once at most", () => {
  const at = (/** @type {number} */ width) => ({ width, height: 732, gap: 14 });
  let width = 1400;
  while (bestGrid(at(width), 3).columns === bestGrid(at(1400), 3).columns) width += 1;
  let grid = bestGrid(at(width - 1), 3);
  let flips = 0;
  for (let step = 0; step < 20; step += 1) {
    const next = bestGrid(at(width - (step % 2)), 3, grid);
    if (next.columns !== grid.columns) flips += 1;
    grid = next;
  }
  assert.ok(flips <= 1, `${flips} flips`);
});

test("least sizes and most tiles bound what is shown", () => {
  assert.equal(capacity({ width: 366, height: 688, gap: 8 }, 49), 8);
  assert.equal(capacity({ width: 2520, height: 1272, gap: 14 }, 49), 25);
  const small = capacity({ width: 820, height: 276, gap: 8 }, 16);
  const grid = bestGrid({ width: 820, height: 276, gap: 8 }, small);
  assert.ok(grid.width >= 160 && grid.height >= 90);
});

test("the strip stands where it leaves the focus larger", () => {
  const wide = focusPlaces({ width: 1400, height: 732, gap: 14 }, 4, 16 / 9);
  const portrait = focusPlaces({ width: 366, height: 688, gap: 8 }, 4, 16 / 9);
  const low = focusPlaces({ width: 820, height: 276, gap: 8 }, 4, 16 / 9);
  assert.ok((portrait.strip[0]?.y ?? 0) > portrait.focus.height, "below on a phone held upright");
  assert.ok((low.strip[0]?.x ?? 0) > low.focus.width, "at the right on a phone held sideways");
  for (const { strip } of [wide, portrait, low]) {
    assert.ok(strip.length >= 3 && strip.length <= 8);
    for (const place of strip) assert.ok(Math.abs(place.width / place.height - 1.6) < 0.05, "16 : 10");
  }
});

test("only a speaker off stage takes a place, of whoever has been silent longest", () => {
  const order = ["a", "b", "c", "d", "me"];
  /** @type {Record<string, number>} */
  const spoke = { a: 30, b: 10, c: 20 };
  const at = (/** @type {string} */ id) => spoke[id] ?? -Infinity;
  assert.deepEqual(seen(order, 5, [], at, null), order);
  assert.deepEqual(seen(order, 4, [], at, null), ["a", "b", "c", "me"]);
  assert.deepEqual(seen(order, 4, ["a", "b", "c", "me"], at, "a"), ["a", "b", "c", "me"]);
  assert.deepEqual(seen(order, 4, ["a", "b", "c", "me"], at, "d"), ["a", "c", "d", "me"]);
  assert.deepEqual(seen(order, 4, ["a", "c", "d", "me"], at, null), ["a", "c", "d", "me"], "and keeps it");
});
