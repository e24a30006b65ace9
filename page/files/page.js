import { at, el, span } from "./draw.js";
import { drawFailovers } from "./failover.js";
import { follow } from "./follow.js";
import { drawRates, resetRates } from "./rates.js";
import { drawMembers, drawRing, drawSelf } from "./ring.js";

const kept = 1000; // events

let events = [], names = {}, lostAt;

const nameOf = id => names[id] ?? `member ${id}`;

// describe says an event in words; whoever has words of their own sends them as text.
function describe(e) {
  if (e.text !== undefined) return e.text;
  const detail = e.detail ? `: ${e.detail}` : "";
  switch (e.kind) {
    case "peer_up": return `stream to ${nameOf(e.member)} is up`;
    case "peer_lost": return `lost ${nameOf(e.member)}${detail}`;
    case "ring_changed": return `new effective ring${detail}`;
    case "rehomed": return `is now home of ${e.count} re-homed binding${e.count === 1 ? "" : "s"}`;
    case "repaired": return `the bindings it is home of have their copies again${detail}`;
    case "synced": return "holds all that it owns";
    case "unsynced": return "waits for what it owns";
    case "draining": return "hands over and leaves";
    case "stuck": return `makes no steps, and lets others serve${detail}`;
    case "sound": return "makes steps again";
    case "members": return `epoch ${e.epoch}: ${e.count} members are published`;
  }
  return e.kind + detail;
}

// clock shows the time of day, within a failover the time since it began.
const clock = e => e.after === undefined ? new Date(e.unixNano / 1e6).toLocaleTimeString() : `+${span(e.after)}`;

function drawLog() {
  const log = at("log"), below = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  at("entries").replaceChildren(...events.map(e => {
    const row = el("tr"), when = el("td", clock(e), "dim");
    when.title = new Date(e.unixNano / 1e6).toISOString();
    row.append(when);
    if (e.source !== undefined) row.append(el("td", e.source));
    row.append(el("td", describe(e)));
    return row;
  }));
  if (below) log.scrollTop = log.scrollHeight;
}

function drawEvents() {
  drawFailovers(events, nameOf);
  drawLog();
}

function drawFacts(facts) {
  at("facts").hidden = !facts?.length;
  at("facts").replaceChildren(...(facts ?? []).map(f => {
    const s = el("span", `${f.name} `), value = el("b", f.value, f.bad ? "bad" : "");
    s.append(value);
    return s;
  }));
}

function link(text, bad) {
  at("link").textContent = text;
  at("link").className = bad ? "bad" : "dim";
  document.body.classList.toggle("lost", bad);
}

follow({
  anew() {
    events = [];
    resetRates();
    drawEvents();
  },
  status(s) {
    lostAt = undefined;
    for (const m of s.members ?? []) names[m.id] = m.name;
    const title = `${s.cluster} · ${s.name}`;
    at("title").textContent = document.title = title;
    link(s.text ?? `as ${s.name} sees it${s.version ? `, ${s.version}` : ""}`, false);
    drawRing(s);
    drawMembers(s);
    drawSelf(s);
    drawRates(s.traffic);
    drawFacts(s.facts);
    drawFailovers(events, nameOf); // what is not over goes on
  },
  events(list) {
    events = events.concat(list).sort((a, b) => a.unixNano - b.unixNano).slice(-kept);
    drawEvents();
  },
  lost() {
    lostAt ??= new Date().toLocaleTimeString();
    link(`No connection since ${lostAt}; what is shown is from before. Trying again…`, true);
  },
});

addEventListener("resize", () => drawFailovers(events, nameOf));
