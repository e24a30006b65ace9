import { at, el, svg } from "./draw.js";

// shown are the counters of a status' traffic and what is written at them.
const shown = [
  ["registrations", "registrations/s"],
  ["calls", "calls/s"],
  ["answered", "answered calls/s"],
  ["requests", "requests/s"],
];
const kept = 120; // samples

let last; // the traffic of the status before
let samples = [];

export function resetRates() {
  last = undefined;
}

// drawRates takes what the counters grew by since the last status. The clock is that
// of the proxy, as a status may be a second old.
export function drawRates(traffic) {
  if (!traffic?.unixNano) return; // nothing counts yet
  if (last) {
    const seconds = (traffic.unixNano - last.unixNano) / 1e9;
    if (seconds < 0.5 && seconds >= 0) return; // too little for a rate
    samples.push(Object.fromEntries(shown.map(([name]) => [name, seconds > 0 ? Math.max(0, traffic[name] - last[name]) / seconds : 0])));
    samples = samples.slice(-kept);
  }
  last = traffic;
  at("rates").replaceChildren(...shown.map(([name, label]) => one(name, label)));
}

function one(name, label) {
  const values = samples.map(s => s[name]), most = Math.max(1, ...values);
  const box = el("div"), line = svg("svg", { viewBox: `0 0 ${kept} 30`, preserveAspectRatio: "none", "aria-hidden": "true" });
  line.append(svg("polyline", { points: values.map((v, i) => `${kept - values.length + i},${(29 - 28 * v / most).toFixed(1)}`).join(" ") }));
  const now = values.at(-1);
  const figure = el("b", now === undefined ? "–" : now.toFixed(now < 10 ? 1 : 0));
  figure.dataset.rate = name;
  box.append(figure, " ", el("span", label, "dim"), line);
  return box;
}
