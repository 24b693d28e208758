// What the browser does of the viewer: it shows pictures and says what was pressed, turned and clicked. All it decides is how large a panel can be.

const element = (tag, name, parent) => { const made = document.createElement(tag); if (name) made.className = name; parent?.append(made); return made; };
const blob = (bytes) => URL.createObjectURL(new Blob([bytes]));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const flag = (root, name) => getComputedStyle(root).getPropertyValue(name).trim() === "1";          // what the style says of this width
const typed = "input:not([type=checkbox]), select, textarea, [role=slider]";             // where keys are somebody's own
// All of the viewer keeps its keys from the notebook, in which an x would cut the cell; `handle` is told of them wherever the focus is.
// A control that the mouse comes to is given its sentence, by its label: on all of it, where ipywidgets repeats the label or says nothing.
const around = (el, handle, tips) => {
  const home = el.closest(".sp-viewer");
  if (!home) { requestAnimationFrame(() => around(el, handle, tips)); return; }
  const whole = () => (document.fullscreenElement ? document.exitFullscreen() : home.requestFullscreen?.());
  home.addEventListener("pointerover", ({ target }) => {
    const control = target.closest(".widget-inline-hbox");
    if (!control) return;
    const labels = [...control.querySelectorAll("label, label span")].map((one) => one.textContent), name = [...labels, control.querySelector("input")?.placeholder].find((one) => tips()[one]);
    if (name) for (const one of [control, ...control.querySelectorAll("[title]")]) one.title = tips()[name];
  });
  home.addEventListener("click", ({ target }) => { if (target.closest(".sp-whole")) whole(); });
  home.addEventListener("focusin", ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; });       // it is the focused element that is asked
  home.addEventListener("keydown", (event) => {
    if (event.target.closest(typed)) return;
    if (event.key === "f" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); whole(); } else handle(event);
  });
};

// How many of `n` panels stand in a row, and how wide each is, so that they are as large as the room allows and no row has one left over:
// rows of (almost) equal length; two in a row with an odd number, the first is as wide as both.
export function arrange(n, room, height, ratio, words, least = 130) {
  let best = { columns: 1, width: 0, first: 1 }, widest = best;
  for (let columns = 1; columns <= n; columns += 1) {
    const rows = Math.ceil(n / columns), last = n - (rows - 1) * columns, first = columns === 2 && n % 2 ? 2 : 1;
    if (first === 1 && rows > 1 && last < (n > 8 ? columns / 2 : columns - 1)) continue;
    const lines = first === 2 ? (n - 1) / 2 + 2 : rows;                                   // a first one that is twice as wide is twice as high
    const across = Math.floor((room - 8 * (columns - 1)) / columns), width = Math.floor(Math.min(across, ((height - 8 * (rows - 1)) / lines - words) / ratio));
    if (width > best.width) best = { columns, width, first };
    if (across >= least) widest = { columns, width: across, first };                      // the most in a row that can still be looked at
  }
  return best.width >= least || !widest.width ? best : { ...widest, width: Math.max(least, Math.min(widest.width, best.width)) };
}

// The output with the still picture, which stands before that of its sentence wherever outputs follow each other: one picture and no words.
function pictureBefore(sentence) {
  for (let one = sentence; one && !one.matches("body, .sp-viewer"); one = one.parentElement) {
    const before = one.previousElementSibling;
    if (before?.querySelectorAll("img").length === 1) return before.textContent.trim() ? null : before;
  }
  return null;
}

// The sentence and the picture of a viewer that lives give way to it; a page that is opened again may draw them after it. The function returned brings them back.
function hideStill(model) {
  const stills = [], giveWay = () => {
    const sentence = document.querySelector(`.sp-still[data-viewer="${model.get("still")}"]`), picture = sentence && pictureBefore(sentence);
    for (const one of [sentence, picture]) if (one && !stills.includes(one)) { one.classList.add("sp-hidden"); stills.push(one); }
    if (stills.length === 2) late.disconnect();
  };
  const late = new MutationObserver(giveWay);
  late.observe(document.body, { childList: true, subtree: true });
  setTimeout(() => late.disconnect(), 30000);
  giveWay();
  return () => { late.disconnect(); for (const still of stills) still.classList.remove("sp-hidden"); };
}

// Panels in rows. Wheel (once clicked), + and − zoom all of them together, dragging moves, 0 or a double click shows the whole.
function stage({ model, el }) {
  const root = element("div", "sp-stage", el), legend = element("div", "sp-legend", el), aside = element("div", "sp-aside", el), urls = [];
  const pale = () => { aside.textContent = model.get("aside"); root.classList.toggle("sp-pale", model.get("aside") !== ""); };
  root.tabIndex = 0;
  const squares = (line, listed) => { for (const [color, words] of listed) { const one = element("span", "", line); element("i", "", one).style.background = color; one.append(words); } };
  const explain = (line, key) => {                                                        // what the colours mean, in words of readable size
    line.replaceChildren();
    if (!key) return;
    element("b", "", line).textContent = key.title + key.note;
    squares(line, key.squares);
    if (key.bar) { const bar = element("span", "", line); bar.append(key.bar[0]); element("i", "sp-bar", bar).style.background = key.bar[2]; bar.append(key.bar[1]); }
  };
  const bar = () => {
    const { title, words, bar: colors, notes } = model.get("legend");
    legend.replaceChildren();
    if (!title) return;
    const scale = element("span", "sp-scale", legend), [low, middle, high] = words;
    element("b", "", scale).textContent = title;
    scale.append(low);
    const ramp = element("i", "sp-bar", scale);
    ramp.style.background = colors;
    if (middle) ramp.title = `in the middle: ${middle}`;
    scale.append(high);
    if (middle) element("span", "", legend).textContent = `in the middle: ${middle}`;
    for (const [sentence, listed] of notes) { const line = element("span", "", legend); line.append(sentence); squares(line, listed); }
    fit();                                                                                // its lines take room from the panels
  };
  function fit() {                                                                     // the panels' size; and how many pixels they are worth
    const figures = [...root.children], n = figures.length, room = root.clientWidth - 8, ratio = model.get("ratio"), bounded = flag(root, "--sp-bounded");
    if (!n || room < 60) return;
    const middle = el.parentElement, tall = bounded ? middle?.clientHeight ?? 0 : 0;        // 0: not beside the table, in one column with it
    const left = Math.floor(tall - (el.nextElementSibling?.scrollHeight ?? 0) - 1);        // by the scores: if they fit, all of them, else a part worth scrolling
    const most = tall ? (left > 0.6 * tall ? left : 0.7 * tall) : parseFloat(getComputedStyle(root).maxHeight) || el.clientHeight;
    if (tall) el.style.setProperty("--sp-room", `${most}px`);
    const height = bounded ? most - legend.offsetHeight - 8 : room < 360 ? Infinity : innerHeight * 0.8, asked = Math.min(model.get("columns"), n);
    let chosen, words = 20;
    for (let turn = 0; turn < 2; turn += 1) {                                             // captions may need more lines than thought: looked at once
      chosen = asked ? { columns: asked, width: Math.floor((room - 8 * (asked - 1)) / asked), first: 1 } : arrange(n, room, height, ratio, words);
      const { columns, width, first } = chosen, over = first === 1 ? n % columns : 0;      // panels of a last row that is not full: in its middle
      root.style.gridTemplateColumns = over && n > columns ? `repeat(${2 * columns}, ${(width - 8) / 2}px)` : `repeat(${columns}, ${width}px)`;
      figures.forEach((figure, i) => {
        if (over && n > columns) figure.style.gridColumn = i === n - over ? `${columns - over + 1} / span 2` : "span 2";
        else figure.style.gridColumn = i === 0 && first === 2 ? "span 2" : "";
      });
      const needed = Math.max(...figures.map((figure) => figure.offsetHeight - figure.firstChild.offsetHeight));
      if (needed <= words) break;
      words = needed;
    }
    const pixels = chosen.width * chosen.first * Math.max(1, ratio) * Math.min(2, devicePixelRatio), side = [360, 480, 720, 960].find((size) => size >= pixels * 0.9) ?? 960;
    if (side !== model.get("side")) { model.set("side", side); model.save_changes(); }
  }
  const opaque = () => { for (const cover of root.querySelectorAll(".sp-cover")) cover.style.opacity = model.get("alpha"); };
  let waiting = false;                                                                    // a held key does not run ahead of the pictures
  const draw = async () => {
    waiting = false;
    const frames = model.get("frames"), now = model.get("pictures").map(blob), drawn = model.get("drawn"), old = urls.splice(0);
    urls.push(...now);
    while (root.children.length > frames.length) root.lastChild.remove();
    frames.forEach((frame, i) => {
      let figure = root.children[i];
      if (!figure) {
        figure = element("figure", "", root);
        const layers = element("div", "sp-layers", figure);
        for (const name of ["sp-paper", "sp-cover", "sp-lines"]) Object.assign(element("img", name, layers), { draggable: false, alt: "" });
        element("figcaption", "", figure);
        element("div", "sp-key", figure);
      }
      const [layers, caption, key] = figure.children;
      ["paper", "cover", "lines"].forEach((name, k) => {
        const image = layers.children[k], there = frame[name] !== null;
        image.hidden = !there;
        if (there) image.src = now[frame[name]]; else image.removeAttribute("src");
      });
      layers.style.aspectRatio = 1 / model.get("ratio");
      layers.firstChild.alt = layers.title = frame.note;
      caption.textContent = frame.caption;
      explain(key, frame.key);
    });
    opaque();
    fit();
    await Promise.all([...root.querySelectorAll("img[src]")].map((image) => image.decode().catch(() => {})));
    for (const url of old) URL.revokeObjectURL(url);
    root.dataset.drawn = Math.max(drawn, root.dataset.drawn ?? 0);                        // two may be decoded at a time
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
    const box = event.target.closest("figure")?.firstChild.getBoundingClientRect();
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
    const others = ["ArrowLeft", "ArrowRight", "Home", "End", "p", "s", "u"];
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in zooms || others.includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && waiting) return;
    waiting = true;
    if (event.key in zooms) zooms[event.key](); else model.send({ key: event.key });
  }, () => model.get("tips"));
  const stands = hideStill(model);
  const watch = new ResizeObserver(fit);
  requestAnimationFrame(() => { for (const one of [el, el.parentElement, el.nextElementSibling]) if (one) watch.observe(one); });
  model.on("change:drawn", draw);
  model.on("change:columns", fit);
  model.on("change:legend", bar);
  model.on("change:alpha", opaque);
  model.on("change:aside", pale);
  pale();
  bar();
  draw();
  return () => { watch.disconnect(); stands(); };
}

// Thumbnails in the order of the kernel's list. Only those in sight are elements of the page, and only they and their names are asked for, a few at a time;
// another look: asked for anew.
function strip({ model, el }) {
  const root = element("div", "sp-strip", el), inner = element("div", "sp-inner", root), buttons = new Map(), pictures = new Map(), asked = new Map();
  let items = new Map(), count = 0, ofCategories = false, waiting = [], busy = false, later, inSight = false, rows;      // items by their place, rows: asked for
  const ask = () => { busy = waiting.length > 0; if (busy) model.send({ need: waiting.splice(0, 4) }); };
  const want = (id) => {
    const look = model.get("look");
    if (!inSight || asked.get(id) === look) return;
    asked.set(id, look);
    waiting.push(id);
    if (!busy) { busy = true; setTimeout(ask, 30); }
  };
  const made = (id) => {
    const button = element("button", "sp-thumb");
    button.type = "button";
    button.dataset.image = id;
    const image = element("img", "", button);
    image.alt = "";
    if (pictures.has(id)) image.src = pictures.get(id);
    for (const name of ["sp-label", "sp-category"]) element("span", name, button);
    button.onclick = () => model.send({ open: id });
    return button;
  };
  const dressed = ({ id, label, category, failed }, x, y, wide) => {
    if (!buttons.has(id)) buttons.set(id, made(id));
    const button = buttons.get(id), [, name, kind] = button.children, whole = id.includes(category) ? id : `${id} (${category})`, open = id === model.get("chosen");
    if (name.textContent !== label) name.textContent = label;
    if (kind.textContent !== category) kind.textContent = category;
    button.classList.toggle("sp-failed", failed !== "");
    button.classList.toggle("sp-picked", model.get("picked").includes(id));
    button.setAttribute("aria-pressed", open);
    button.tabIndex = open ? 0 : -1;
    button.title = failed ? `${whole}: ${failed}` : whole;
    Object.assign(button.style, { left: `${x}px`, top: `${y}px`, width: `${wide}px` });
    want(id);
    return button;
  };
  const grid = () => {                                                                    // one row that is scrolled sideways, or as many columns as fit
    const high = ofCategories ? 100 : 86, sideways = flag(root, "--sp-sideways");
    const columns = sideways ? Math.max(1, count) : Math.max(1, Math.floor(root.clientWidth / 88)), wide = sideways ? 96 : Math.floor(root.clientWidth / columns);
    return { high, columns, wide, sideways };
  };
  const draw = () => {                                                                    // what is in sight, and a little around it
    const { high, columns, wide } = grid(), lines = Math.ceil(count / columns);
    Object.assign(inner.style, { height: `${lines * high}px`, width: flag(root, "--sp-sideways") ? `${columns * wide}px` : "100%" });
    if (!root.clientWidth) return;
    const top = Math.max(0, Math.floor(root.scrollTop / high) - 2), bottom = Math.min(lines, Math.ceil((root.scrollTop + root.clientHeight) / high) + 2);
    const left = Math.max(0, Math.floor(root.scrollLeft / wide) - 2), right = Math.min(columns, Math.ceil((root.scrollLeft + root.clientWidth) / wide) + 2);
    const shown = [], unknown = [];
    for (let row = top; row < bottom; row += 1) for (let column = left; column < right; column += 1) {
      const place = row * columns + column, item = items.get(place);
      if (item) shown.push(dressed(item, column * wide, row * high, wide)); else if (place < count) unknown.push(place);
    }
    if (unknown.length && !rows && inSight) {                                             // and some beyond them, for the next turn of the wheel
      rows = [Math.max(0, unknown[0] - 40), unknown.at(-1) + 41];
      model.send({ rows, list: model.get("page").list });
    }
    shown.forEach((button, i) => { if (inner.children[i] !== button) inner.insertBefore(button, inner.children[i] ?? null); });
    while (inner.children.length > shown.length) { buttons.delete(inner.lastChild.dataset.image); inner.lastChild.remove(); }
    waiting = waiting.filter((id) => buttons.has(id) || !asked.delete(id));                // scrolled past: no longer wanted
    if (shown.length && !shown.some((button) => button.tabIndex === 0)) shown[0].tabIndex = 0;          // one stop for Tab, arrows walk
  };
  const seek = () => {                                                                    // the open image is in sight, whatever the order
    const place = model.get("place"), { high, columns, wide } = grid();
    if (place >= 0 && root.clientWidth) {
      const y = Math.floor(place / columns) * high, x = (place % columns) * wide;
      if (y < root.scrollTop || y + high > root.scrollTop + root.clientHeight) root.scrollTop = y - root.clientHeight / 3;
      if (x < root.scrollLeft || x + wide > root.scrollLeft + root.clientWidth) root.scrollLeft = x - root.clientWidth / 3;
    }
    draw();
  };
  let dataset = model.get("look").split(" ")[0];
  const list = () => {
    const other = model.get("look").split(" ")[0];
    if (other !== dataset) {                                                              // other pictures of perhaps the same names
      dataset = other;
      for (const url of pictures.values()) URL.revokeObjectURL(url);
      for (const known of [buttons, pictures, asked]) known.clear();
      inner.replaceChildren();
    }
    count = model.get("page").count ?? 0;
    items = new Map();
    ofCategories = false;
    rows = undefined;
    root.classList.toggle("sp-empty", count === 0);
    know(model.get("page"));
    seek();
  };
  const know = ({ start, items: some = [] }) => {
    some.forEach((item, i) => items.set(start + i, item));
    ofCategories ||= some.some(({ category }) => category);
  };
  model.on("msg:custom", ({ thumbs, ...part }, buffers) => {
    if (!thumbs) {
      if (part.list === model.get("page").list) { rows = undefined; know(part); draw(); }
      return;
    }
    thumbs.forEach(({ id, there }, i) => {
      if (!there) return;
      const before = pictures.get(id), button = buttons.get(id);
      pictures.set(id, blob(buffers[i]));
      if (button) button.firstChild.src = pictures.get(id);
      if (before) URL.revokeObjectURL(before);
    });
    for (const id of pictures.keys()) {                                                   // a long walk does not fill the memory
      if (pictures.size <= 800) break;
      if (!buttons.has(id)) { URL.revokeObjectURL(pictures.get(id)); pictures.delete(id); asked.delete(id); }
    }
    ask();
  });
  root.addEventListener("scroll", draw);
  model.on("change:page", list);
  model.on("change:look", () => { clearTimeout(later); later = setTimeout(draw, 300); });    // not while a slider is drawn
  model.on("change:chosen change:place", seek);
  model.on("change:picked", draw);
  const size = new ResizeObserver(seek), sight = new IntersectionObserver((entries) => { inSight = entries.at(-1).isIntersecting; if (inSight) draw(); }, { rootMargin: "150px" });
  size.observe(root);
  sight.observe(root);
  list();
  return () => { size.disconnect(); sight.disconnect(); };
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
    stale = !inSight;                                                                     // thousands of points are drawn only for those who look
    if (stale) return;
    const { points, x, y, title } = model.get("cloud"), side = 320, edge = 44;
    dots.clear();
    ringed = undefined;
    root.replaceChildren();
    if (!points?.length) { element("em", "", root).textContent = title || "nothing to show"; return; }
    const all = points.flatMap((point) => [point.x, point.y]), low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b)), span = high - low || 1;
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

// The table of scores, made by the kernel; the head of a metric is a button.
function scores({ model, el }) {
  const root = element("div", "sp-table", el), draw = () => {
    const held = root.contains(document.activeElement) && document.activeElement.dataset.metric;
    root.innerHTML = model.get("html");
    if (held) root.querySelector(`[data-metric="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  };
  root.addEventListener("click", ({ target }) => { const head = target.closest("[data-metric]"); if (head) model.send({ sort: head.dataset.metric }); });
  model.on("change:html", draw);
  draw();
}

// A scanpath on its image, and the strip of its scores. Arrows, Home and End walk along it, and so does a click on the strip.
function path({ model, el }) {
  const root = element("div", "sp-path", el), pictures = ["picture", "strip"].map((name) => [name, element("img", `sp-path-${name}`, root)]), stands = hideStill(model);
  let urls = [], waiting = false;
  root.tabIndex = 0;
  const draw = async () => {
    const old = urls, drawn = model.get("drawn");
    urls = [];
    for (const [name, img] of pictures) {
      const bytes = model.get(name);
      img.hidden = !bytes?.byteLength;
      if (img.hidden) { img.removeAttribute("src"); continue; }
      urls.push(blob(bytes));
      img.src = urls.at(-1);
      img.alt = model.get("words");
    }
    await Promise.allSettled(pictures.filter(([, img]) => !img.hidden).map(([, img]) => img.decode()));
    for (const url of old) URL.revokeObjectURL(url);
    waiting = false;
    root.dataset.drawn = drawn;
  };
  pictures[1][1].addEventListener("click", ({ offsetX, target }) => { root.focus(); model.send({ at: offsetX / target.clientWidth }); });
  pictures[0][1].addEventListener("click", () => root.focus());
  around(el, (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && waiting) return;
    waiting = true;
    model.send({ key: event.key });
  }, () => model.get("tips"));
  model.on("change:drawn", draw);
  draw();
  return () => { stands(); for (const url of urls) URL.revokeObjectURL(url); };
}

export default { render: (context) => ({ stage, strip, scatter, scores, path })[context.model.get("kind")](context) };
