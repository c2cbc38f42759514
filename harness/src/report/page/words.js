// Data, and figures for people.

const data = JSON.parse(document.getElementById("data").textContent);
const { optimizers, functions, dims, models } = data;

/** A table in a container that scrolls by itself; the first column stays where it is. */
function table(kind, head, rows) {
  const body = el("table", { class: kind }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
  return el("div", { class: "wide", tabindex: "0" }, body);
}

/** A few alternatives, one of which is taken. */
function picker(name, options, taken, take) {
  const button = (option, i) =>
    el("button", { type: "button", "aria-pressed": String(i === taken), on: { click: () => take(i) } }, option);
  return el("div", { class: "picker", role: "group", "aria-label": name }, el("span", {}, name), options.map(button));
}

/** Many alternatives, one of which is taken. */
function selector(name, options, taken, take) {
  const option = ([value, text]) => el("option", { value, selected: value === taken }, text);
  const select = el("select", { on: { change: event => take(Number(event.target.value)) } }, options.map(option));
  return el("label", { class: "picker" }, el("span", {}, name), select);
}

const link = i => el("a", { href: `#/optimizer/${encodeURIComponent(optimizers[i].label)}` }, optimizers[i].label);
/** `bbob/f08` without its suite. */
const short = name => name.slice(name.indexOf("/") + 1);
const plural = (n, one, many = `${one}s`) => `${grouped(n)} ${n === 1 ? one : many}`;
const grouped = n => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const share = value => (value == null ? "–" : value.toFixed(3));
const percent = value => (value == null ? "–" : `${(100 * value).toFixed(2)} %`);

/** Three significant digits. */
function figure(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace("e+", "e");
  return size >= 99.95
    ? value.toFixed(0)
    : size >= 9.995
      ? value.toFixed(1)
      : size >= 0.995
        ? value.toFixed(2)
        : String(+value.toPrecision(3));
}

/** A measure by its kind. */
const measured = (value, kind) => (kind === "share" ? percent(value) : figure(value));

/** 10^k as books write it. */
const power = k => "10" + String(k).replace(/[-0-9]/g, c => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

function bytes(n) {
  if (n == null) return "–";
  const units = ["B", "kB", "MB", "GB"];
  const unit = Math.min(3, Math.floor(Math.log10(Math.max(n, 1)) / 3));
  return `${unit === 0 ? n : figure(n / 1000 ** unit)} ${units[unit]}`;
}
