"use strict";
// A small line chart of each head's number over passes; the chosen head is bold, an upright line marks a moment.

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Round numbers from 0 to at most the given one, three to seven of them, as [number, text].
function roundTicks(most) {
  const power = 10 ** Math.floor(Math.log10(most / 3)), step = power * [5, 2, 1].find((factor) => power * factor * 2 <= most);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, index) => [index * step, (index * step).toFixed(decimals)]);
}

// passes: numbers; lines: for each head its values, null where unknown; scale: 100 to write shares in percent, else 1.
function drawHeads(place, passes, lines, chosen, now, scale, told) {
  const width = 420, height = 200, left = 40, right = 16, top = 10, bottom = 36;
  const known = lines.flat().filter((value) => value !== null);
  place.replaceChildren();
  if (!known.length) {
    place.textContent = "not known for this run";
    return;
  }
  const first = passes[0], last = Math.max(passes[passes.length - 1], first + 1);
  const most = Math.max(...known) * 1.05 || 1;
  const x = (pass) => left + ((width - left - right) * (pass - first)) / (last - first);
  const y = (value) => height - bottom - ((height - top - bottom) * value) / most;
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told });
  for (const [number, text] of roundTicks(scale * most)) {
    const value = number / scale;
    svg.append(shape("path", { class: "rule", d: `M${left} ${y(value)}H${width - right}` }));
    svg.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  for (const pass of [...new Set([first, Math.round((first + last) / 2), last])]) {
    svg.append(shape("text", { x: x(pass), y: height - 18, "text-anchor": "middle" }, pass));
  }
  svg.append(shape("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "passes"));
  svg.append(shape("path", { d: `M${x(now)} ${top}V${height - bottom}`, stroke: "var(--soft)", "stroke-dasharray": "3 3" }));
  const order = [...lines.keys()].filter((head) => head !== chosen).concat(chosen);
  for (const head of order) {
    const points = passes.map((pass, i) => [pass, lines[head][i]]).filter(([, value]) => value !== null);
    const bold = head === chosen;
    svg.append(shape("polyline", {
      points: points.map(([pass, value]) => `${x(pass).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
      fill: "none", stroke: bold ? "var(--accent)" : "var(--soft)", "stroke-width": bold ? 3 : 1.2, opacity: bold ? 1 : 0.6,
    }));
  }
  place.append(svg);
}
