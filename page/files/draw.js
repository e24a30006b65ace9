// What all parts of the page draw with. Texts are set as text, never as HTML.

const colours = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999", "#994455", "#997700", "#3377cc"];

// colourOf is a member's for as long as the page is open, whoever comes and goes.
export const colourOf = id => colours[id % colours.length];

export const at = id => document.getElementById(id);

export function el(tag, text, cls) {
  const e = document.createElement(tag);
  e.textContent = text ?? "";
  if (cls) e.className = cls;
  return e;
}

export function svg(tag, attributes, text) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes ?? {})) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
}

// titled gives an SVG element what is shown when the pointer rests on it.
export function titled(e, title) {
  e.append(svg("title", {}, title));
  return e;
}

export function swatch(colour) {
  const s = el("span", "", "swatch");
  s.style.background = colour;
  return s;
}

// span writes a time in milliseconds.
export function span(ms) {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 60e3) return `${(ms / 1000).toFixed(1)} s`;
  return `${(ms / 60e3).toFixed(1)} min`;
}

export const percent = share => `${(100 * share).toFixed(1)} %`;
