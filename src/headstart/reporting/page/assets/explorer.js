"use strict";
// The attention explorer: what one patch looks at, for a chosen image, block, head and moment of training.

(() => {
  const { arms, first } = JSON.parse(document.getElementById("data").textContent);
  if (!arms.length || !document.getElementById("explorer")) return;
  const at = (id) => document.getElementById(id);
  // The choice; block counts those on the page, patch in rows from the top left. A patch pointed at is shown before it is kept.
  const chosen = { arm: 0, image: 0, block: 0, head: 0, moment: 0, patch: 0 };
  let pointed = null;

  // The five colours between which a share is shown, from 0 to the largest of its map.
  const COLORS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  function color(share) {
    const place = Math.min(Math.max(share, 0), 1) * (COLORS.length - 1), low = Math.min(Math.floor(place), COLORS.length - 2);
    return COLORS[low].map((value, i) => Math.round(value + (COLORS[low + 1][i] - value) * (place - low)));
  }

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const opened = new Map();
  function open(moment, image) {
    const key = `${chosen.arm}/${moment}/${image}`;
    if (!opened.has(key)) {
      const told = arms[chosen.arm].moments[moment];
      opened.set(key, { shares: bytes(told.maps[image]), largest: bytes(told.largest[image]) });
    }
    return opened.get(key);
  }

  // Attention of a token on every token: shares are bytes in 255ths of the row's largest, which is in 65535ths.
  function row(block, head, token) {
    const arm = arms[chosen.arm], tokens = arm.prefix + arm.grid[0] * arm.grid[1];
    const before = arm.blocks.slice(0, block).reduce((sum, b) => sum + arm.heads[b], 0);
    const place = (before + head) * tokens + token, { shares, largest } = open(chosen.moment, chosen.image);
    const top = (largest[2 * place] + 256 * largest[2 * place + 1]) / 65535;
    return Array.from(shares.subarray(place * tokens, (place + 1) * tokens), (value) => (value / 255) * top);
  }

  const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}\u00a0%`;
  const where = (arm, patch) => `row ${Math.floor(patch / arm.grid[1]) + 1}, column ${(patch % arm.grid[1]) + 1}`;

  function away(arm, from, to) {
    const wide = arm.grid[1];
    const down = Math.floor(to / wide) - Math.floor(from / wide), right = (to % wide) - (from % wide);
    const words = [];
    if (down) words.push(`${Math.abs(down)} ${down > 0 ? "down" : "up"}`);
    if (right) words.push(`${Math.abs(right)} ${right > 0 ? "right" : "left"}`);
    return words.length ? words.join(" and ") : "itself";
  }

  function show() {
    const arm = arms[chosen.arm], moment = arm.moments[chosen.moment], patch = pointed ?? chosen.patch;
    const shares = row(chosen.block, chosen.head, arm.prefix + patch), patches = shares.slice(arm.prefix);
    const top = Math.max(...patches), best = patches.indexOf(top);
    [...at("map").children].forEach((cell, index) => {
      cell.style.backgroundColor = `rgb(${color(patches[index] / (top || 1))})`;
      cell.dataset.share = patches[index];
      cell.title = `${where(arm, index)}: ${percent(patches[index])}`;
      cell.classList.toggle("looking", index === patch);
    });
    at("patches").querySelectorAll("[role=gridcell]").forEach((cell, index) => {
      cell.setAttribute("aria-selected", index === patch);
      cell.tabIndex = index === chosen.patch ? 0 : -1;
    });
    at("largest").textContent = percent(top);
    at("moment-name").textContent = moment.name;
    at("moment").setAttribute("aria-valuetext", moment.name);
    const prefix = shares.slice(0, arm.prefix).reduce((sum, share) => sum + share, 0);
    const told = `${moment.name[0].toUpperCase()}${moment.name.slice(1)}; block ${arm.blocks[chosen.block]}, head ${chosen.head}: the patch in ${where(arm, patch)} looks most at ` +
      `${where(arm, best)} (${away(arm, patch, best)}), with ${percent(top)} of its attention` +
      (arm.prefix ? `, and with ${percent(prefix)} at the ${arm.prefix > 1 ? "tokens that are" : "token that is"} no patch.` : ".");
    at("map").setAttribute("aria-label", told);
    at("told").textContent = told;
    at("heads").querySelectorAll("button").forEach((button) => {
      const block = +button.dataset.block, head = +button.dataset.head;
      const here = block === chosen.block && head === chosen.head;
      button.setAttribute("aria-pressed", here);
      button.tabIndex = here ? 0 : -1; // one stop for the Tab key, not one for each head
      paint(button.firstChild, row(block, head, arm.prefix + patch).slice(arm.prefix), arm.grid);
    });
  }

  function paint(canvas, shares, [tall, wide]) {
    const context = canvas.getContext("2d"), image = context.createImageData(wide, tall), top = Math.max(...shares) || 1;
    shares.forEach((share, index) => image.data.set([...color(share / top), 255], 4 * index));
    context.putImageData(image, 0, 0);
  }

  function showHistory() {
    const arm = arms[chosen.arm], block = arm.blocks[chosen.block], passes = arm.history.map((line) => line.pass);
    const now = arm.moments[chosen.moment].pass;
    const lines = (name) => arm.heads.length && [...Array(arm.heads[block]).keys()].map((head) => arm.history.map((line) => line[name][block][head]));
    const mass = lines("start_mass"), distance = lines("distance");
    const patches = (value) => value.toFixed(1), told = (values, write, what) => {
      const mine = values[chosen.head], known = (value) => (value === null ? "unknown" : write(value));
      return `${what} of head ${chosen.head} in block ${block}: ${known(mine[0])} at the start, ${known(mine[mine.length - 1])} at the end.`;
    };
    drawHeads(at("mass"), passes, mass, chosen.head, now, 100, told(mass, percent, "Target mass"));
    drawHeads(at("distance"), passes, distance, chosen.head, now, 1, told(distance, (v) => `${patches(v)} patches`, "Attention distance"));
    const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
    const heads = [...mass.keys()], table = at("history"), title = document.createElement("tr");
    title.append(cell("th", "pass"), ...heads.map((h) => cell("th", `head ${h}: mass, %`)), ...heads.map((h) => cell("th", `head ${h}: distance`)));
    title.querySelectorAll("th").forEach((th) => (th.scope = "col"));
    const body = passes.map((pass, i) => {
      const line = document.createElement("tr"), name = cell("th", pass);
      name.scope = "row";
      const value = (values, write) => (h) => cell("td", values[h][i] === null ? "–" : write(values[h][i]));
      line.append(name, ...heads.map(value(mass, (v) => (100 * v).toFixed(1))), ...heads.map(value(distance, (v) => v.toFixed(2))));
      return line;
    });
    table.replaceChildren(cell("caption", `Block ${block}: target mass in percent and attention distance in patches.`), title, ...body);
  }

  function options(select, names, value) {
    select.replaceChildren(...names.map((name, index) => new Option(name, index, false, index === value)));
  }

  // A grid of patches in the form of the image, for pointing (gridcells in rows) or for the map (plain cells).
  function buildBoards(arm) {
    const [tall, wide] = arm.grid;
    document.querySelectorAll(".board").forEach((board) => (board.style.aspectRatio = `${wide} / ${tall}`));
    const style = [`repeat(${wide}, 1fr)`, `repeat(${tall}, 1fr)`];
    for (const id of ["patches", "map"]) [at(id).style.gridTemplateColumns, at(id).style.gridTemplateRows] = style;
    at("map").replaceChildren(...Array.from({ length: tall * wide }, () => document.createElement("span")));
    at("patches").replaceChildren(...Array.from({ length: tall }, (_, r) => {
      const line = document.createElement("div");
      line.setAttribute("role", "row");
      line.append(...Array.from({ length: wide }, (_, c) => {
        const cell = document.createElement("div");
        cell.setAttribute("role", "gridcell");
        cell.setAttribute("aria-label", where(arm, r * wide + c));
        cell.dataset.patch = r * wide + c;
        return cell;
      }));
      return line;
    }));
  }

  function buildImages(arm) {
    const buttons = arm.pictures.map(({ label, uri }, index) => {
      const button = document.createElement("button"), picture = new Image();
      button.type = "button";
      picture.src = uri;
      picture.alt = `image ${index + 1}: ${label}`;
      button.append(picture);
      button.addEventListener("click", () => choose({ image: index }));
      return button;
    });
    at("images").replaceChildren(at("images").querySelector("legend"), ...buttons);
  }

  function buildHeads(arm) {
    at("heads").replaceChildren(...arm.blocks.map((name, block) => {
      const line = document.createElement("div"), title = document.createElement("span");
      line.setAttribute("role", "group");
      line.setAttribute("aria-label", (title.textContent = `block ${name}`));
      line.append(title, ...Array.from({ length: arm.heads[name] }, (_, head) => {
        const button = document.createElement("button"), canvas = document.createElement("canvas");
        button.type = "button";
        button.setAttribute("aria-label", `head ${head}`);
        [button.dataset.block, button.dataset.head, canvas.width, canvas.height] = [block, head, arm.grid[1], arm.grid[0]];
        button.append(canvas);
        button.addEventListener("click", () => choose({ block, head }));
        return button;
      }));
      return line;
    }));
  }

  // One way in for every control: what changed is set, what depends on it is built again, then all is shown.
  function choose(change) {
    const other = "arm" in change;
    Object.assign(chosen, change);
    const arm = arms[chosen.arm];
    if (other) {
      const share = chosen.moment === 0 ? 0 : 1;
      Object.assign(chosen, { image: Math.min(chosen.image, arm.pictures.length - 1), moment: share * (arm.moments.length - 1) });
      chosen.block = Math.min(chosen.block, arm.blocks.length - 1);
      chosen.patch = Math.floor(arm.grid[0] / 2) * arm.grid[1] + Math.floor(arm.grid[1] / 2);
      buildBoards(arm);
      buildImages(arm);
      buildHeads(arm);
      options(at("block"), arm.blocks, chosen.block);
      at("explorer-notes").replaceChildren(...arm.notes.map((note) => Object.assign(document.createElement("p"), { className: "note", textContent: note })));
    }
    const heads = arm.heads[arm.blocks[chosen.block]];
    chosen.head = Math.min(chosen.head, heads - 1);
    options(at("head"), [...Array(heads).keys()], chosen.head);
    [at("block").value, at("moment").max, at("moment").value] = [chosen.block, arm.moments.length - 1, chosen.moment];
    at("moment").disabled = arm.moments.length < 2;
    at("picture").src = arm.pictures[chosen.image].uri;
    [...at("images").querySelectorAll("button")].forEach((button, index) => button.setAttribute("aria-pressed", index === chosen.image));
    show();
    showHistory();
  }

  for (const name of ["arm", "block", "head"]) at(name).addEventListener("change", (event) => choose({ [name]: +event.target.value }));
  at("moment").addEventListener("input", (event) => choose({ moment: +event.target.value }));

  const patches = at("patches"), of = (event) => event.target.closest("[role=gridcell]");
  patches.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || !of(event)) return;
    pointed = +of(event).dataset.patch;
    show();
  });
  patches.addEventListener("pointerleave", () => {
    if (pointed === null) return;
    pointed = null;
    show();
  });
  patches.addEventListener("click", (event) => {
    if (!of(event)) return;
    chosen.patch = +of(event).dataset.patch;
    show();
    of(event).focus({ preventScroll: true });
  });
  patches.addEventListener("keydown", (event) => {
    const [tall, wide] = arms[chosen.arm].grid;
    let r = Math.floor(chosen.patch / wide), c = chosen.patch % wide;
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -wide], End: [0, wide] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    [r, c] = [r + moves[event.key][0], c + moves[event.key][1]];
    chosen.patch = Math.min(Math.max(r, 0), tall - 1) * wide + Math.min(Math.max(c, 0), wide - 1);
    pointed = null;
    show();
    patches.querySelector("[tabindex='0']").focus({ preventScroll: true });
  });

  at("heads").addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const arm = arms[chosen.arm], [down, right] = moves[event.key];
    const block = Math.min(Math.max(chosen.block + down, 0), arm.blocks.length - 1);
    const head = Math.min(Math.max(chosen.head + right, 0), arm.heads[arm.blocks[block]] - 1);
    choose({ block, head });
    at("heads").querySelector("[tabindex='0']").focus();
  });

  options(at("arm"), arms.map((arm) => arm.name), first);
  if (arms.length < 2) at("arm").parentElement.hidden = true;
  at("scale").style.background = `linear-gradient(to right, ${COLORS.map((c) => `rgb(${c})`)})`;
  choose({ arm: first });
})();
