/**
 * Where tiles stand: pure geometry, in CSS pixels. Pictures may be cropped to between `lo` and 16 : 9; among the numbers of
 * columns the one that shows most picture wins.
 */

/** @typedef {{ width: number, height: number, gap: number }} Stage */
/** @typedef {{ columns: number, rows: number, width: number, height: number, score: number }} Grid tiles all of one size */
/** @typedef {{ x: number, y: number, width: number, height: number }} Place */

const WIDEST = 16 / 9;
const LANDSCAPE_NARROWEST = 1;
const PORTRAIT_NARROWEST = 0.6;
/** What a hole in the last row costs, in parts of the score, for each column. */
const HOLE = 0.05;
/** Sums of fractions may end a hair below a whole pixel. */
const HAIR = 1e-6;
/** A new number of columns must be this much better, so that a resize by a pixel does not flip the stage. */
const FLIP = 1.08;
/** Below this width it is a phone, or as good as one. */
export const PHONE = 600;
const LEAST = { phone: { width: 110, height: 90, tiles: 8 }, desk: { width: 160, height: 90, tiles: 25 } };
const STRIP = { ratio: 1.6, least: 3, most: 8, narrowest: 88, widest: 220 };

/** @param {number} value */
const down = (value) => Math.floor(value + HAIR);

/** The grid of `count` tiles in so many columns. @param {Stage} stage @param {number} count @param {number} columns @returns {Grid} */
function grid({ width, height, gap }, count, columns) {
  const lo = height > width ? PORTRAIT_NARROWEST : LANDSCAPE_NARROWEST;
  const rows = Math.ceil(count / columns);
  const cellWidth = (width - gap * (columns - 1)) / columns;
  const cellHeight = (height - gap * (rows - 1)) / rows;
  const aspect = Math.min(Math.max(cellWidth / cellHeight, lo), WIDEST);
  const tileWidth = Math.min(cellWidth, cellHeight * aspect);
  const tileHeight = tileWidth / aspect;
  const holes = (columns * rows - count) / columns;
  return { columns, rows, width: down(tileWidth), height: down(tileHeight), score: cellWidth <= 0 || cellHeight <= 0 ? 0 : tileWidth * tileHeight * (1 - HOLE * holes) };
}

/**
 * The best grid; a tie goes to fewer columns.
 * @param {Stage} stage
 * @param {number} count at least 1
 * @param {Grid | null} [previous] of the same count, which stays unless another is better by 8 %
 */
export function bestGrid(stage, count, previous = null) {
  let best = grid(stage, count, 1);
  for (let columns = 2; columns <= count; columns += 1) {
    const other = grid(stage, count, columns);
    if (other.score > best.score * (1 + HAIR)) best = other;
  }
  if (previous && previous.columns <= count && previous.columns !== best.columns) {
    const kept = grid(stage, count, previous.columns);
    if (best.score < kept.score * FLIP) return kept;
  }
  return best;
}

/** How many tiles a stage holds before the rest becomes one tile of "others". @param {Stage} stage @param {number} count */
export function capacity(stage, count) {
  const least = stage.width < PHONE ? LEAST.phone : LEAST.desk;
  let fits = Math.min(count, least.tiles);
  while (fits > 1) {
    const { width, height } = bestGrid(stage, fits);
    if (width >= least.width && height >= least.height) break;
    fits -= 1;
  }
  return fits;
}

/**
 * Places for a grid, the last row centred. Two columns and an odd count in portrait: the first row is one wide tile.
 * @param {Stage} stage
 * @param {number} count
 * @param {Grid} grid
 * @returns {Place[]}
 */
export function gridPlaces(stage, count, grid) {
  const { columns, rows, width, height } = grid;
  const wide = columns === 2 && count % 2 === 1 && count > 1 && stage.height > stage.width;
  const top = (stage.height - rows * height - (rows - 1) * stage.gap) / 2;
  const cells = wide ? count + 1 : count;
  /** @type {Place[]} */
  const places = [];
  for (let cell = 0; cell < cells; cell += 1) {
    const row = Math.floor(cell / columns);
    const inRow = Math.min(columns, cells - row * columns);
    const left = (stage.width - inRow * width - (inRow - 1) * stage.gap) / 2;
    const y = Math.round(top + row * (height + stage.gap));
    if (wide && cell === 1) continue;
    const x = Math.round(left + (cell % columns) * (width + stage.gap));
    places.push({ x, y, width: wide && cell === 0 ? 2 * width + stage.gap : width, height });
  }
  return places;
}

/**
 * One picture fills the stage, the others become a strip: below it if that leaves the focus larger, else at its right.
 * @param {Stage} stage
 * @param {number} others
 * @param {number} aspect of the focus, width by height
 * @returns {{ focus: Place, strip: Place[] }} at most eight in the strip
 */
export function focusPlaces(stage, others, aspect = WIDEST) {
  if (others === 0) return { focus: { x: 0, y: 0, width: stage.width, height: stage.height }, strip: [] };
  const below = stripBelow(stage, others);
  const right = stripRight(stage, others);
  return shown(below.focus, aspect) >= shown(right.focus, aspect) ? below : right;
}

/** Area of a picture of this aspect within a place. @param {Place} place @param {number} aspect */
function shown({ width, height }, aspect) {
  const across = Math.max(0, Math.min(width, height * aspect));
  return (across * across) / aspect;
}

/** @param {Stage} stage @param {number} others */
function stripBelow({ width, height, gap }, others) {
  const room = Math.max(STRIP.least, Math.floor((width + gap) / (STRIP.narrowest + gap)));
  const count = Math.min(others, STRIP.most, room);
  const cells = Math.max(count, STRIP.least);
  const tileWidth = Math.floor(Math.min((width - gap * (cells - 1)) / cells, STRIP.widest, (height / 3) * STRIP.ratio));
  const tileHeight = Math.floor(tileWidth / STRIP.ratio);
  const left = (width - count * tileWidth - (count - 1) * gap) / 2;
  const y = height - tileHeight;
  const strip = Array.from({ length: count }, (_, index) => ({ x: Math.round(left + index * (tileWidth + gap)), y, width: tileWidth, height: tileHeight }));
  return { focus: { x: 0, y: 0, width, height: height - tileHeight - gap }, strip };
}

/** @param {Stage} stage @param {number} others */
function stripRight({ width, height, gap }, others) {
  const room = Math.max(STRIP.least, Math.floor((height + gap) / (STRIP.narrowest / STRIP.ratio + gap)));
  const count = Math.min(others, STRIP.most, room);
  const cells = Math.max(count, STRIP.least);
  const tileHeight = Math.floor(Math.min((height - gap * (cells - 1)) / cells, STRIP.widest / STRIP.ratio, width / 3 / STRIP.ratio));
  const tileWidth = Math.floor(tileHeight * STRIP.ratio);
  const top = (height - count * tileHeight - (count - 1) * gap) / 2;
  const x = width - tileWidth;
  const strip = Array.from({ length: count }, (_, index) => ({ x, y: Math.round(top + index * (tileHeight + gap)), width: tileWidth, height: tileHeight }));
  return { focus: { x: 0, y: 0, width: width - tileWidth - gap, height }, strip };
}

/**
 * Who is seen, where there is not room for all: order of arrival, self last. Only somebody off stage who speaks takes a place,
 * that of the visible person silent longest.
 * @param {string[]} order everybody, self last
 * @param {number} room
 * @param {string[]} before who was seen
 * @param {(id: string) => number} spokeAt when somebody last spoke; −Infinity for never
 * @param {string | null} speaker off stage, for long enough to count
 */
export function seen(order, room, before, spokeAt, speaker) {
  if (order.length <= room) return order;
  const self = order.at(-1) ?? "";
  const kept = new Set([...order.filter((id) => before.includes(id)), ...order].filter((id) => id !== self).slice(0, room - 1));
  if (speaker && speaker !== self && order.includes(speaker) && !kept.has(speaker)) {
    const [quietest] = [...kept].sort((a, b) => spokeAt(a) - spokeAt(b));
    if (quietest !== undefined) kept.delete(quietest);
    kept.add(speaker);
  }
  return order.filter((id) => kept.has(id) || id === self);
}
