// The graph of a job: drawn once from places that the server gives, then filled with figures as they come.

const SVG = "http://www.w3.org/2000/svg";
const BAR = 110;
const BLOCKED = 0.3;
const BUSY = 0.5;
const SHRUNK = 1.3;

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export function rateText(perSecond) {
  if (perSecond >= 999500) return `${(perSecond / 1e6).toFixed(1)}M/s`;
  if (perSecond >= 10000) return `${(perSecond / 1e3).toFixed(0)}k/s`;
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en")}/s`;
}

const percent = (share) => `${Math.round(100 * Math.min(1, Math.max(0, share)))} %`;

// What happened between two tellings of the counters; over the whole run if there is no earlier one.
export function spanOf(before, now, seconds) {
  const earlier = new Map((before || []).map((one) => [one.stage, one]));
  return now.map((one) => {
    const first = earlier.get(one.stage) || { emitted: 0, busy_s: 0, blocked_s: 0 };
    return {
      ...one,
      rate: (one.emitted - first.emitted) / seconds,
      busy: (one.busy_s - first.busy_s) / seconds,
      blocked: (one.blocked_s - first.blocked_s) / seconds,
    };
  });
}

export class Graph {
  constructor(place, picture) {
    this.stages = new Map();
    this.rates = [];
    place.replaceChildren();
    if (!picture) return;
    const svg = node("svg", {
      viewBox: `0 0 ${picture.width} ${picture.height}`, width: picture.width, height: picture.height,
      role: "img", "aria-label": "The stages of the pipeline and what flows between them",
    });
    const arrow = node("marker", {
      id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto",
    });
    arrow.append(node("path", { d: "M0 0 L8 4 L0 8 Z" }));
    const shared = node("defs", {});
    shared.append(arrow);
    svg.append(shared);
    // A little smaller can still be read; what is much wider is scrolled.
    svg.classList.toggle("fits", picture.width <= SHRUNK * document.documentElement.clientWidth);
    for (const edge of picture.edges) this.drawEdge(svg, edge);
    for (const box of picture.boxes) this.drawBox(svg, box, picture.box_height);
    place.append(svg);
  }

  drawEdge(svg, edge) {
    const points = edge.points;
    svg.append(node("path", { d: `M${points.map((one) => one.join(" ")).join(" L")}`, "marker-end": "url(#arrow)" }));
    const [x, y] = points[points.length - 1];
    const [fromX, fromY] = points[points.length - 2];
    const text = node("text", { x: (x + fromX) / 2, y: (y + fromY) / 2 + 4, class: "rate" });
    svg.append(text);
    this.rates.push([edge.from, text]);
  }

  drawBox(svg, box, height) {
    const left = box.x - Math.floor(box.width / 2);
    const group = node("g", { "data-stage": box.stage });
    group.append(
      node("rect", { class: "box", x: left, y: box.y, width: box.width, height, rx: 6 }),
      node("text", { class: "stage", x: box.x, y: box.y + 20 }, `:${box.stage}`),
      node("text", { class: "processor", x: box.x, y: box.y + 36 }, box.processor),
    );
    const room = node("rect", { class: "room", x: box.x - BAR / 2, y: box.y + 44, width: BAR, height: 6, rx: 3 });
    const held = node("rect", { class: "held", x: box.x - BAR / 2, y: box.y + 44, width: 0, height: 6, rx: 3 });
    room.setAttribute("visibility", "hidden");
    const first = node("text", { class: "figures", x: box.x, y: box.y + 64 });
    const second = node("text", { class: "figures", x: box.x, y: box.y + 80 });
    group.append(room, held, first, second);
    svg.append(group);
    this.stages.set(box.stage, { group, room, held, first, second });
  }

  // Show the figures of a span; of the whole run if `whole`. Returns the names of those that are blocked, and the slowest.
  show(span, whole) {
    const byName = new Map(span.map((one) => [one.stage, one]));
    const busiest = span.reduce((most, one) => (!most || one.busy > most.busy ? one : most), null);
    const slowest = busiest && busiest.busy >= BUSY ? busiest.stage : "";
    const blocked = whole ? [] : span.filter((one) => one.blocked >= BLOCKED).map((one) => one.stage);
    for (const [from, text] of this.rates) {
      const one = byName.get(from);
      if (one) text.textContent = whole ? one.emitted.toLocaleString("en") : rateText(one.rate);
    }
    for (const one of span) this.fill(one, whole, one.stage === slowest, blocked.includes(one.stage));
    return { slowest, blocked };
  }

  fill(one, whole, isSlowest, isBlocked) {
    const shown = this.stages.get(one.stage);
    if (!shown) return;
    shown.group.classList.toggle("slowest", isSlowest);
    shown.group.classList.toggle("blocked", isBlocked);
    shown.group.classList.toggle("failed", one.failed > 0);
    const said = [`busy ${percent(one.busy)}`];
    if (one.blocked > 0.005) said.push(`blocked ${percent(one.blocked)}`);
    shown.second.textContent = said.join(" · ");
    const counted = [`${one.emitted.toLocaleString("en")} out`];
    if (one.failed) counted.push(`${one.failed.toLocaleString("en")} failed`);
    if (one.buffer) this.fillBuffer(shown, one.buffer, counted, whole);
    shown.first.textContent = counted.join(" · ");
  }

  fillBuffer(shown, buffer, counted, whole) {
    const depth = whole ? buffer.peak : buffer.depth;
    let share = buffer.capacity ? depth / buffer.capacity : 0;
    if (buffer.capacity_bytes) share = Math.max(share, (whole ? buffer.peak_bytes : buffer.depth_bytes) / buffer.capacity_bytes);
    share = Math.min(1, share);
    shown.room.setAttribute("visibility", "visible");
    shown.held.setAttribute("width", (BAR * share).toFixed(1));
    shown.held.classList.toggle("full", share >= 0.9);
    counted.unshift(`${whole ? "peak " : ""}${depth.toLocaleString("en")}/${buffer.capacity.toLocaleString("en")}${whole ? "" : " waiting"}`);
    if (buffer.drops) counted.push(`${buffer.drops.toLocaleString("en")} dropped`);
  }
}
