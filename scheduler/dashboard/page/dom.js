// Elements from plain values. Text is always set as text: what a mail server says is never markup.

// h("a", {href, class, onclick}, child, …): children are nodes, strings, numbers, arrays; null is none.
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

export const badge = (kind, text) => h("span", { class: `badge ${kind}` }, text);

export const tile = (label, value, sub, words = false) =>
  h("div", { class: "tile" }, h("div", { class: "label" }, label),
    h("div", { class: words ? "value words" : "value" }, value), sub ? h("div", { class: "sub" }, sub) : null);

export function card(title, note, ...children) {
  return h("section", { class: "card" }, h("header", {}, h("h2", {}, title), note ? h("p", {}, note) : null), children);
}

// What there is to do where there is nothing to see.
export const empty = (title, text, command) =>
  h("div", { class: "empty" }, h("h2", {}, title), h("div", {}, text), command ? h("pre", {}, h("code", {}, command)) : null);

export function bar(parts, total, label, tall = false) {
  const node = h("div", { class: tall ? "bar tall" : "bar", role: "img", "aria-label": label });
  for (const [kind, value] of parts) {
    const part = h("i", { class: kind });
    part.style.width = total > 0 ? `${Math.min(100, (100 * value) / total)}%` : "0";
    node.append(part);
  }
  return node;
}

// rows: arrays of cells; columns: {title, n: true for numbers}.
export function table(columns, rows, caption) {
  return h("div", { class: "scroll" }, h("table", { class: "rows" }, h("caption", { class: "sr" }, caption),
    h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.n ? "n" : null }, column.title)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => h("td", { class: columns[i].n ? "n" : null, "data-title": columns[i].title }, cell)))))));
}
