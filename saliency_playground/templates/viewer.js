// What the browser does of the viewer: it shows pictures and says what was pressed, turned and clicked. It decides nothing.

const element = (tag, name, parent) => { const made = document.createElement(tag); if (name) made.className = name; parent?.append(made); return made; };
const blob = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const typed = "input:not([type=checkbox]), select, textarea, [role=slider]";             // where keys are somebody's own
// All of the viewer keeps its keys from the notebook, in which an x would cut the cell; `handle` is told of them wherever the focus is.
// A control that the mouse comes to is given its sentence, by its label: on all of it, where ipywidgets repeats the label or says nothing.
const around = (el, handle, tips) => {
  const home = el.closest(".sp-viewer");
  if (!home) { requestAnimationFrame(() => around(el, handle, tips)); return; }
  home.addEventListener("pointerover", ({ target }) => {
    const control = target.closest(".widget-inline-hbox");
    if (!control) return;
    const labels = [...control.querySelectorAll("label, label span")].map((one) => one.textContent), name = [...labels, control.querySelector("input")?.placeholder].find((one) => tips()[one]);
    if (name) for (const one of [control, ...control.querySelectorAll("[title]")]) one.title = tips()[name];
  });
  home.addEventListener("focusin", ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; });       // it is the focused element that is asked
  home.addEventListener("keydown", (event) => { if (!event.target.closest(typed)) handle(event); });
};

// Panels side by side. Wheel (once clicked), + and − zoom all of them together, dragging moves, 0 or a double click shows the whole.
function stage({ model, el }) {
  const root = element("div", "sp-stage", el);
  root.tabIndex = 0;
  const explain = (line, key) => {                                                        // what the colours mean, in words of readable size
    line.replaceChildren();
    if (!key) return;
    element("b", "", line).textContent = key.title + key.note;
    for (const [color, words] of key.squares) { element("i", "", element("span", "", line)).style.background = color; line.lastChild.append(words); }
    if (key.bar) { const bar = element("span", "", line); bar.append(key.bar[0]); element("i", "sp-bar", bar).style.background = key.bar[2]; bar.append(key.bar[1]); }
  };
  let waiting = false;                                                                    // a held key does not run ahead of the pictures
  const draw = () => {
    waiting = false;
    const frames = model.get("frames");
    while (root.children.length > frames.length) root.lastChild.remove();
    frames.forEach((frame, i) => {
      const figure = root.children[i] ?? element("figure", "", root);
      const [image, caption, key] = figure.children.length ? figure.children : [element("img", "", figure), element("figcaption", "", figure), element("div", "sp-key", figure)];
      const before = image.src;
      image.onload = () => before && URL.revokeObjectURL(before);
      image.src = blob(frame.picture);
      image.alt = image.title = frame.note;
      image.draggable = false;
      caption.textContent = frame.caption;
      explain(key, frame.key);
    });
    root.dataset.drawn = model.get("drawn");
  };
  const columns = () => {
    const many = model.get("columns");
    root.style.gridTemplateColumns = many ? `repeat(${many}, 1fr)` : "";
    root.classList.toggle("sp-large", many > 0);
  };
  const show = ([left, top, right, bottom]) => {
    const wide = clamp(right - left, 1 / 32, 1), high = clamp(bottom - top, 1 / 32, 1);
    const x = clamp(left, 0, 1 - wide), y = clamp(top, 0, 1 - high);
    model.set("zoom", [x, y, x + wide, y + high]);
    model.save_changes();
  };
  const scale = (factor, u = 0.5, v = 0.5) => {
    const [left, top, right, bottom] = model.get("zoom");
    const wide = clamp((right - left) * factor, 1 / 32, 1), high = clamp((bottom - top) * factor, 1 / 32, 1);
    const x = left + u * (right - left - wide), y = top + v * (bottom - top - high);
    show([x, y, x + wide, y + high]);
  };
  const place = (event) => {
    const image = event.target.closest("figure")?.querySelector("img");
    const box = image?.getBoundingClientRect();
    return box && { u: (event.clientX - box.left) / box.width, v: (event.clientY - box.top) / box.height, box };
  };
  root.addEventListener("wheel", (event) => {
    const at = place(event);
    if (!at || !(event.ctrlKey || document.activeElement === root)) return;
    event.preventDefault();
    scale(event.deltaY > 0 ? 1.25 : 0.8, at.u, at.v);
  }, { passive: false });
  let held = null;
  root.addEventListener("pointerdown", (event) => {
    root.focus({ preventScroll: true });
    const at = place(event);
    if (at) { held = { ...at, zoom: model.get("zoom") }; root.setPointerCapture(event.pointerId); }
  });
  root.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [left, top, right, bottom] = held.zoom;
    const dx = ((event.clientX - held.box.left) / held.box.width - held.u) * (right - left), dy = ((event.clientY - held.box.top) / held.box.height - held.v) * (bottom - top);
    if (Math.abs(dx) + Math.abs(dy) > 0.002) show([left - dx, top - dy, right - dx, bottom - dy]);
  });
  root.addEventListener("pointerup", () => { held = null; });
  root.addEventListener("dblclick", () => show([0, 0, 1, 1]));
  around(el, (event) => {
    const zooms = { "+": () => scale(0.8), "=": () => scale(0.8), "-": () => scale(1.25), 0: () => show([0, 0, 1, 1]) };
    const others = ["ArrowLeft", "ArrowRight", "Home", "End", "p", "s"];
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in zooms || others.includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && waiting) return;
    waiting = true;
    if (event.key in zooms) zooms[event.key](); else model.send({ key: event.key });
  }, () => model.get("tips"));
  model.on("change:drawn", draw);
  model.on("change:columns", columns);
  columns();
  draw();
}

// Thumbnails in the order they are given; those that come into sight are asked for, a few at a time. Another look: asked for anew.
function strip({ model, el }) {
  const root = element("div", "sp-strip", el), buttons = new Map(), pictures = new Map(), asked = new Set();
  let waiting = [], marked = [], seen = model.get("look"), later, items = [];
  const ask = () => { if (waiting.length) { model.send({ need: waiting.splice(0, 4) }); } };
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const id = target.dataset.image;
      if (isIntersecting && !asked.has(id)) { asked.add(id); waiting.push(id); if (waiting.length === 1) setTimeout(ask, 30); }
    }
  }, { rootMargin: "150px" });
  const watch = () => {
    sight.disconnect();
    for (const id of waiting) asked.delete(id);
    waiting = [];
    for (const button of root.children) if (!asked.has(button.dataset.image)) sight.observe(button);
  };
  const mark = (scroll) => {
    for (const button of marked) { button.setAttribute("aria-pressed", false); button.tabIndex = -1; button.classList.remove("sp-picked"); }
    if (scroll) grow(items.findIndex(({ id }) => id === model.get("chosen")) + 60);
    const open = buttons.get(model.get("chosen")), picked = model.get("picked").map((id) => buttons.get(id)).filter(Boolean);
    const stop = open?.isConnected ? open : root.firstChild;                              // one stop for Tab, arrows walk
    marked = [open, stop, ...picked].filter(Boolean);
    for (const button of picked) button.classList.add("sp-picked");
    if (stop) stop.tabIndex = 0;
    if (!open) return;
    open.setAttribute("aria-pressed", true);
    if (!scroll || !open.isConnected) return;
    const above = open.offsetTop - root.offsetTop;
    if (above < root.scrollTop || above + open.offsetHeight > root.scrollTop + root.clientHeight) root.scrollTop = above - root.clientHeight / 3;
  };
  const made = (id) => {
    const button = element("button", "sp-thumb");
    button.dataset.image = id;
    button.tabIndex = -1;
    button.setAttribute("aria-pressed", false);
    element("img", "", button).alt = "";
    for (const name of ["sp-label", "sp-category"]) element("span", name, button);
    button.onclick = () => model.send({ open: id });
    buttons.set(id, button);
    return button;
  };
  const dressed = ({ id, label, category, failed }) => {
    const button = buttons.get(id) ?? made(id), [, name, kind] = button.children, whole = id.includes(category) ? id : `${id} (${category})`;
    if (name.textContent !== label) name.textContent = label;
    if (kind.textContent !== category) kind.textContent = category;
    button.classList.toggle("sp-failed", failed !== "");
    button.title = failed ? `${whole}: ${failed}` : whole;
    return button;
  };
  const grow = (many) => {                                                                // a long list is laid out as far as somebody scrolls
    const more = items.slice(root.children.length, many).map(dressed);
    root.append(...more);
    for (const button of more) if (!asked.has(button.dataset.image)) sight.observe(button);
  };
  const draw = () => {
    if (model.get("look") !== seen) {                                                     // other pictures of perhaps the same images
      seen = model.get("look");
      for (const known of [buttons, pictures, asked]) known.clear();
      marked = [];
    }
    items = model.get("items");
    root.replaceChildren();
    grow(120);
    root.scrollTop = 0;
    watch();
    mark(false);
  };
  const anew = () => {
    if (model.get("look") === seen) return;
    seen = model.get("look");
    asked.clear();
    watch();
  };
  model.on("msg:custom", ({ thumbs }, buffers) => {
    thumbs.forEach(({ id, there }, i) => {
      const button = buttons.get(id), before = pictures.get(id);
      if (!there || !button) return;
      pictures.set(id, blob(buffers[i]));
      button.firstChild.src = pictures.get(id);
      if (before) URL.revokeObjectURL(before);
    });
    ask();
  });
  root.addEventListener("scroll", () => { if (root.scrollTop + 3 * root.clientHeight > root.scrollHeight) { grow(root.children.length + 120); mark(false); } });
  model.on("change:items", draw);
  model.on("change:look", () => { clearTimeout(later); later = setTimeout(anew, 300); });    // not while a slider is drawn
  model.on("change:chosen", () => mark(true));
  model.on("change:picked", () => mark(false));
  draw();
}

// A point an image; the one that is open is ringed, a click opens another.
function scatter({ model, el }) {
  const root = element("div", "sp-scatter", el), svg = (tag, facts, parent, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(facts)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const dots = new Map();
  let stale = true, inSight = false, ringed;
  const ring = () => {                                                                    // the open one on top
    ringed?.classList.remove("sp-open");
    ringed?.setAttribute("r", 4);
    ringed = dots.get(model.get("chosen"));
    ringed?.classList.add("sp-open");
    ringed?.setAttribute("r", 6);
    ringed?.parentNode.append(ringed);
  };
  const draw = () => {
    stale = !inSight;                                                                     // two thousand points are drawn only for those who look
    if (stale) return;
    const { points, x, y, title } = model.get("cloud"), side = 320, edge = 44;
    dots.clear();
    ringed = undefined;
    root.replaceChildren();
    if (!points?.length) { element("em", "", root).textContent = title || "nothing to show"; return; }
    const all = points.flatMap((point) => [point.x, point.y]), low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
    const at = (value) => edge + 8 + ((value - low) / span) * (side - edge - 20), up = (value) => side - at(value);
    const plot = svg("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": title }, root);
    svg("line", { x1: at(low), y1: up(low), x2: at(high), y2: up(high), class: "sp-diagonal" }, plot);
    for (const value of [low, low + span / 2, high]) {
      const text = value.toFixed(2).replace("-", "\u2212");
      svg("text", { x: at(value), y: side - 26, "text-anchor": "middle" }, plot, text);
      svg("text", { x: edge - 2, y: up(value) + 4, "text-anchor": "end" }, plot, text);
    }
    svg("text", { x: side / 2 + edge / 2, y: side - 8, "text-anchor": "middle", class: "sp-axis" }, plot, x);
    svg("text", { x: 12, y: side / 2, "text-anchor": "middle", class: "sp-axis", transform: `rotate(-90 12 ${side / 2})` }, plot, y);
    for (const point of points) {
      const dot = svg("circle", { cx: at(point.x), cy: up(point.y), r: 4, class: "sp-dot", "data-image": point.id }, plot);
      svg("title", {}, dot, `${point.id}: ${x} ${point.x.toFixed(3)}, ${y} ${point.y.toFixed(3)}`);
      dot.onclick = () => model.send({ open: point.id });
      dots.set(point.id, dot);
    }
    ring();
    const below = points.filter((point) => point.y < point.x).length;
    element("div", "sp-note", root).textContent = `${title}; ${x} is higher on ${below}, ${y} on ${points.filter((point) => point.y > point.x).length} of ${points.length}`;
  };
  model.on("change:cloud", draw);
  model.on("change:chosen", ring);
  new IntersectionObserver((entries) => { inSight = entries.at(-1).isIntersecting; if (inSight && stale) draw(); }).observe(root);
}

export default { render: (context) => ({ stage, strip, scatter })[context.model.get("kind")](context) };
