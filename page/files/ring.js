import { at, colourOf, el, percent, svg, swatch, titled } from "./draw.js";

const point = (turn, r) => [r * Math.sin(2 * Math.PI * turn), -r * Math.cos(2 * Math.PI * turn)].map(v => v.toFixed(2)).join(" ");

function arc(from, to, m) {
  to = Math.min(to, from + 0.99999);
  const big = to - from > 0.5 ? 1 : 0;
  return titled(svg("path", {
    d: `M ${point(from, 100)} A 100 100 0 ${big} 1 ${point(to, 100)} L ${point(to, 62)} A 62 62 0 ${big} 0 ${point(from, 62)} Z`,
    fill: colourOf(m.id), "data-member": m.name,
  }), `${m.name}: ${percent(m.share)}`);
}

export function drawRing(status) {
  const parts = [];
  let from = 0;
  for (const m of status.members ?? []) {
    if (!m.inRing) continue;
    parts.push(arc(from, from + m.share, m));
    from += m.share;
  }
  parts.push(svg("text", { y: -3 }, "epoch"), svg("text", { y: 17, id: "epoch" }, status.epoch ?? "–"));
  at("ring").replaceChildren(...parts);
}

// columns are those of the table of members: heading, text, class. A column whose
// text is undefined for all members is left out.
const columns = [
  ["member", m => m.name],
  ["address", m => m.address, () => "wide"],
  ["process", m => m.running === undefined ? undefined : (m.running ? "running" : "dead") + (m.restarts ? `, started again ${m.restarts}×` : ""), m => m.running ? "good" : "bad"],
  ["published", m => m.state || "–"],
  ["seen", m => m.liveness, m => m.liveness === "up" ? "good" : "bad"],
  ["in ring", m => m.inRing ? percent(m.share) : "no", m => m.inRing ? "" : "bad"],
  ["home of", (m, s) => s.partitions?.total ? Math.round(m.share * s.partitions.total) : undefined, () => "wide"],
  ["bindings", m => m.bindings && `${m.bindings.home} + ${m.bindings.replica}`],
];

export function drawMembers(status) {
  const members = status.members ?? [];
  const shown = columns.filter(([, text]) => members.some(m => text(m, status) !== undefined));
  at("columns").replaceChildren(...shown.map(([heading, , cls]) => el("th", heading, cls?.(({})) === "wide" ? "wide" : "")));
  at("members").replaceChildren(...members.map(m => {
    const row = el("tr");
    row.append(...shown.map(([, text, cls]) => el("td", text(m, status), cls?.(m))));
    row.firstChild.prepend(swatch(colourOf(m.id)));
    row.dataset.member = m.name;
    return row;
  }));
}

// drawSelf says what the member that shows the page holds.
export function drawSelf(s) {
  const text = [];
  if (s.partitions?.home !== undefined) text.push(`${s.name} is home of ${s.partitions.home} and replica of ${s.partitions.replica} partitions; ${s.bindings.home} bindings as home, ${s.bindings.replica} as replica.`);
  if (s.partitions?.filling) text.push(`${s.partitions.filling} partitions are not complete yet.`);
  if (s.ready === false) text.push(`Not ready: ${s.notReady}.`);
  at("self").textContent = text.join(" ");
}
