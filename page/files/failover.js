import { at, el, span, svg, swatch, titled } from "./draw.js";

// phases of a failover as one member sees it, in order; each ends with an event.
const phases = {
  unnoticed: ["#ee6677", "the loss is not noticed"],
  noticed: ["#ee8866", "noticed, still in the ring"],
  repair: ["#e6c229", "others are home, copies are made again"],
  without: ["#4477aa", "all copies are there, without it"],
  returning: ["#66ccee", "it is back and gets what it will own"],
};

const forget = 10 * 60e3; // ms after which nothing belongs to a failover any more
const together = 5e3; // ms within which losses are one failover

// failovers groups events, oldest first: of one failover are a loss and what comes
// after it, until the ring has the member again. Sources are who saw it.
export function failovers(events) {
  const all = [];
  let now;
  for (const e of events) {
    const t = e.unixNano / 1e6;
    if (now && t - now.began > forget) now = undefined;
    const begins = e.kind === "killed" || e.kind === "peer_lost" && !(now && (now.members.has(e.member) && !now.over || t - now.began < together));
    if (begins) {
      now = { began: t, killed: e.kind === "killed", members: new Set([e.member]), lanes: new Map(), last: t, over: false };
      all.push(now);
    }
    e.after = now && !now.over ? t - now.began : undefined;
    if (!now) continue;
    if (e.kind === "killed" || now.over) continue;
    if (e.kind === "peer_lost") now.members.add(e.member);
    if (step(now, e, t)) now.last = t;
    now.over = now.lanes.size > 0 && [...now.lanes.values()].every(l => l.over);
  }
  return all;
}

// step moves the lane of the event's source on. It returns whether that is of the
// failover.
function step(f, e, t) {
  const source = e.source ?? "";
  if (!f.lanes.has(source)) {
    if (e.kind !== "peer_lost") return false;
    f.lanes.set(source, { parts: [], phase: f.killed ? "unnoticed" : undefined, from: f.began, marks: [], over: false });
  }
  const lane = f.lanes.get(source);
  const next = {
    peer_lost: { unnoticed: "noticed", undefined: "noticed", returning: "without" },
    ring_changed: { noticed: "repair", returning: undefined },
    repaired: { repair: "without" },
    peer_up: f.members.has(e.member) ? { noticed: "returning", repair: "returning", without: "returning" } : {},
  }[e.kind];
  if (!next) {
    if (e.kind === "rehomed" && !lane.over) lane.marks.push({ t, text: `home of ${e.count} re-homed bindings` });
    return e.kind === "rehomed";
  }
  const phase = lane.phase ?? "undefined";
  if (lane.over || !(phase in next)) return false;
  if (lane.phase) lane.parts.push({ phase: lane.phase, from: lane.from, to: t });
  lane.phase = next[phase];
  lane.from = t;
  lane.over = lane.phase === undefined;
  return true;
}

const ticks = [1, 10, 100, 1e3, 1e4, 6e4, 6e5];

// draw is one failover on a time axis, whose scale is logarithmic: what takes
// milliseconds stands beside what takes seconds.
function draw(f, name, width) {
  const lanes = [...f.lanes], row = 24, left = lanes.some(([s]) => s) ? 78 : 4, right = 12;
  const until = f.over ? f.last : Date.now();
  const most = Math.max(1000, until - f.began);
  const x = t => left + (width - left - right) * Math.log10(1 + Math.max(0, t - f.began)) / Math.log10(1 + most);
  const height = row * lanes.length + 22;
  const s = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `phases of the loss of ${name}` });
  for (const tick of ticks.filter(v => v <= most)) {
    const at = x(f.began + tick);
    s.append(svg("line", { x1: at, x2: at, y1: 0, y2: height - 18 }));
    s.append(svg("text", { x: at, y: height - 4, class: "dim", "text-anchor": at > width - 30 ? "end" : "middle" }, tick < 1e3 ? `${tick} ms` : tick < 6e4 ? `${tick / 1e3} s` : `${tick / 6e4} min`));
  }
  lanes.forEach(([source, lane], i) => {
    const y = i * row + 4;
    if (source) s.append(svg("text", { x: 0, y: y + 12 }, source));
    const open = lane.phase ? [{ phase: lane.phase, from: lane.from, to: Math.max(until, lane.from) }] : [];
    for (const p of [...lane.parts, ...open]) {
      const [colour, text] = phases[p.phase];
      s.append(titled(svg("rect", { x: x(p.from), y, width: Math.max(2, x(p.to) - x(p.from)), height: row - 8, fill: colour, "data-phase": p.phase }), `${text}: ${span(p.to - p.from)}`));
    }
    for (const m of lane.marks) s.append(titled(svg("circle", { cx: x(m.t), cy: y + 8, r: 4, fill: "currentColor" }), m.text));
  });
  return s;
}

const shown = 3;

export function drawFailovers(events, nameOf) {
  const all = failovers(events), box = at("failovers"), width = Math.max(200, box.clientWidth);
  box.replaceChildren(...all.slice(-shown).reverse().flatMap(f => {
    const name = [...f.members].map(nameOf).join(", ");
    const text = el("p", `${name}: ${f.killed ? "killed" : "lost"} at ${new Date(f.began).toLocaleTimeString()}${f.over ? `, whole again after ${span(f.last - f.began)}` : ""}`);
    return [text, draw(f, name, width)];
  }));
  if (all.length === 0) box.replaceChildren(el("p", "None since this process started, or none that it still remembers.", "dim"));
  at("legend").replaceChildren(...(all.length === 0 ? [] : Object.values(phases)).map(([colour, text]) => {
    const s = el("span", text, "dim");
    s.prepend(swatch(colour));
    return s;
  }));
}
