"use strict";
// The page's data is text from a dump: it is shown as text alone, never as HTML.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const body = (id) => byId(id).querySelector(".body");
const GUESS = data.trusts.indexOf("scan"), REBUILT = data.trusts.indexOf("reconstructed");
const SHOWN = 100;
const FOUND_BY = {
  context: "the saved registers of a processor or thread", switch_frame: "where the thread gave up its processor",
  unwind_info: "the image's unwind data", frame_data: "the PDB's frame data", fpo: "the PDB's FPO records",
  frame_pointer: "the chain of saved frame pointers", code: "the function's own code", trap_frame: "a trap frame was crossed",
  stack_switch: "a change to another stack of the thread",
  reconstructed: "unwound exactly from where the stack must come out; no call proves that it is live",
  scan: "a guess: a value on the stack that follows a call" };

// An element with attributes and children; strings become text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}
const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const fill = (element, ...children) => element.replaceChildren(...children.filter((c) => c !== null));

function threadText(stack) {
  const ids = stack.process_id === null && stack.thread_id === null ? "" :
    ` ${(stack.process_id ?? 0).toString(16)}.${(stack.thread_id ?? 0).toString(16)}`;
  const where = data.more_dumps.length ? ` in ${dumpName(stack.dump)}` : "";
  const processor = stack.processor === null || stack.state?.includes("processor") ? "" : ` processor ${stack.processor}`;
  return `${stack.process ?? "thread"}${ids}${stack.name ? ` "${stack.name}"` : ""}${processor}` +
    `${stack.state ? `  ${stack.state}` : ""}${where}`;
}
const dumpName = (index) => (index === 0 ? data.dump : data.more_dumps[index - 1]).file;

// "tid 22816 0x5920": as people may type it.
const idText = (kind, id) => id === null ? "" : `${kind} ${id} 0x${id.toString(16)}`;

// ---- text that is searched
let words = [];  // what is looked for, in lower case
const index = data.stacks.map((stack) => {
  const parts = [threadText(stack), stack.thread ?? "", idText("pid", stack.process_id), idText("tid", stack.thread_id)];
  for (const frame of stack.frames) parts.push(data.sites[frame[0]].name);
  for (const frame of stack.bugcheck_frames) parts.push(data.sites[frame[0]].name);
  return parts.join("\n").toLowerCase();
});
const matches = (text) => words.every((word) => text.includes(word));

// Text with what was looked for marked.
function marked(text) {
  const lower = text.toLowerCase();
  const parts = [];
  let at = 0;
  while (words.length && at < text.length) {
    let best = -1, length = 0;
    for (const word of words) {
      const found = lower.indexOf(word, at);
      if (found >= 0 && (best < 0 || found < best)) { best = found; length = word.length; }
    }
    if (best < 0) break;
    parts.push(text.slice(at, best), make("mark", {}, text.slice(best, best + length)));
    at = best + length;
  }
  parts.push(text.slice(at));
  return parts;
}

// ---- frames
function frameRow(frame, number) {
  const site = data.sites[frame[0]];
  const trust = data.trusts[frame[1]];
  const isGuess = frame[1] === GUESS || frame[1] === REBUILT;
  return make("tr", isGuess ? { class: "guess" } : {},
    make("td", { class: "number" }, number.toString(16).padStart(2, "0")),
    make("td", {}, isGuess ? "? " : "", ...marked(site.name), site.inline ? " (inlined)" : ""),
    make("td", { class: "trust" }, trust.replaceAll("_", " ")),
    make("td", { class: "source" }, site.source ?? ""));
}
function framesTable(stack) {
  const rows = [];
  const heading = (text) => make("tr", {}, make("th", { colspan: "4", scope: "rowgroup", class: "quiet" }, text));
  if (stack.bugcheck_frames.length) {
    rows.push(heading("from the exception to the bugcheck"));
    stack.bugcheck_frames.forEach((frame, i) => rows.push(frameRow(frame, i)));
    rows.push(heading("where it happened"));
  }
  stack.frames.forEach((frame, i) => rows.push(frameRow(frame, i)));
  return make("div", { class: "frames", tabindex: "0", role: "region", "aria-label": "frames of " + threadText(stack) },
    make("table", {}, make("caption", { class: "quiet" }, "youngest first"), make("tbody", {}, ...rows)),
    make("p", { class: "quiet" }, `ends: ${stack.end}`),
    ...stack.notes.map((note) => make("p", { class: "quiet" }, note)));
}

// ---- groups
// `choose`: called with a thread whose button is pressed.
function threadList(stacks, choose) {
  const list = make("ul", { class: "threads" });
  const thread = (i) => {
    const button = make("button", { type: "button", class: "thread", onclick: () => choose(i, button) }, ...marked(threadText(data.stacks[i])));
    return make("li", {}, button);
  };
  const show = (from) => {
    for (const i of stacks.slice(from, from + SHOWN)) list.append(thread(i));
    if (stacks.length > from + SHOWN) {
      const more = make("button", { type: "button", onclick: () => { more.parentNode.remove(); show(from + SHOWN); } },
        `${stacks.length - from - SHOWN} more`);
      list.append(make("li", {}, more));
    }
  };
  show(0);
  return list;
}
function variantPart(variant, choose) {
  const lines = variant.differences.flatMap((each) =>
    [...each.model.map((frame) => `- ${each.at} ${frame}`), ...each.instead.map((frame) => `+ ${each.at} ${frame}`)]);
  return make("div", {}, make("h3", {}, `${plural(variant.stacks.length, "thread")} nearly like this`), threadList(variant.stacks, choose),
    make("pre", { class: "difference", tabindex: "0" }, lines.join("\n")));
}
function groupTitle(group) {
  const stack = data.stacks[group.stacks[0]];
  // Who called the kernel says more than the kernel's own functions.
  const named = stack.frames.map((frame) => data.sites[frame[0]]).filter((s) => s.function);
  const site = named.find((s) => !s.function.startsWith("nt!") && !s.function.startsWith("nt+")) ?? named[0];
  const parts = [make("span", { class: "count" }, plural(group.shown.length, "thread"))];
  if (group.shown.length !== group.count) parts.push(` of ${group.count}`);
  if (group.processes > 1) parts.push(` of ${group.processes} processes`);
  if (group.waits) parts.push(` waiting for ${group.waits.for}`);
  if (site) parts.push(": ", make("code", {}, ...marked(site.function)));
  if (group.guesses) parts.push(" ", make("span", { class: "badge guess" }, "? some frames are guesses"));
  return parts;
}
// The threads of a group, and the stack of the one that is chosen: its own offsets, bytes and guesses.
function groupBody(group) {
  const place = make("div", { class: "chosen" });
  let pressed = null;
  const choose = (i, button) => {
    pressed?.setAttribute("aria-pressed", "false");
    pressed = button;
    pressed?.setAttribute("aria-pressed", "true");
    const parts = [make("h3", {}, threadText(data.stacks[i])), framesTable(data.stacks[i])];
    if (usesStack(data.stacks[i]))
      parts.push(make("button", { type: "button", onclick: () => chooseUse(i) }, "its stack use"));
    fill(place, ...parts);
  };
  const list = threadList(group.shown, choose);
  choose(group.shown[0], list.querySelector("button"));
  return make("div", {}, group.shown.length > 1 ? list : null, place, ...group.variants.map((variant) => variantPart(variant, choose)));
}
function groupElement(group) {
  const details = make("details", { class: "group" }, make("summary", {}, ...groupTitle(group)));
  details.addEventListener("toggle", () => {
    group.open = details.open;
    if (details.open && details.childElementCount === 1) details.append(groupBody(group));
  });
  details.open = group.open ?? false;  // as before the search
  return details;
}
const inGroup = new Set(data.groups.flatMap((group) => [...group.stacks, ...group.variants.flatMap((v) => v.stacks)]));
const rest = data.stacks.map((_, i) => i).filter((i) => !inGroup.has(i));
if (rest.length)
  data.groups.push({ stacks: rest, count: rest.length, processes: 0, dumps: 1, waits: null, guesses: false, variants: [] });
data.groups.forEach((group) => { group.all = [...group.stacks, ...group.variants.flatMap((variant) => variant.stacks)]; });

let visibleGroups = [];
function showGroups() {
  visibleGroups = [];
  for (const group of data.groups) {
    group.shown = words.length ? group.all.filter((i) => matches(index[i])) : group.all;
    if (group.shown.length) visibleGroups.push(group);
  }
  const box = body("groups");
  const show = (from) => {
    box.append(...visibleGroups.slice(from, from + SHOWN).map(groupElement));
    if (visibleGroups.length > from + SHOWN) {
      const more = make("button", { type: "button", onclick: () => { more.remove(); show(from + SHOWN); } },
        `${visibleGroups.length - from - SHOWN} more groups`);
      box.append(more);
    }
  };
  fill(box);
  show(0);
  if (!visibleGroups.length) box.append(make("p", {}, data.stacks.length ? "no stack has this" : "no stack is in this dump"));
}

// ---- summary
function finding(each) {
  return make("div", { class: `finding ${each.confidence}` },
    make("p", {}, each.sentence + ". ", make("span", { class: "badge" }, "confidence: " + each.confidence)),
    each.evidence.length ? make("details", {}, make("summary", {}, "evidence"),
      make("div", {}, ...each.evidence.map((line) => make("p", {}, make("code", {}, line))))) : null,
    ...each.next.map((line) => make("p", {}, "Next: " + line)));
}
function showSummary() {
  const box = body("summary"), summary = data.summary, dump = data.dump;
  const line = [`${dump.kind} dump`, dump.architecture, dump.build ? `build ${dump.build}` : null,
    plural(data.stacks.length, "stack"), data.more_dumps.length ? `with ${plural(data.more_dumps.length, "further dump")}` : null];
  byId("subtitle").textContent = line.filter(Boolean).join(", ");
  byId("made").textContent = "Made by ntstack" + (data.redacted ? "; names of users and hosts were taken out." : ".");
  if (data.redacted) byId("subtitle").append(" ", make("span", { class: "badge" }, "redacted"));
  if (!summary) return fill(box, make("p", {}, data.more_dumps.length ? "Several dumps: their stacks are below." : "The stacks are below."));
  const parts = [];
  if (summary.bugcheck) {
    parts.push(make("p", {}, make("span", { class: "bad" }, `${summary.bugcheck.name ?? "bugcheck"} (${summary.bugcheck.code})`),
      summary.bugcheck.meaning ? ": " + summary.bugcheck.meaning : ""));
    const rows = summary.bugcheck.parameters.map((value, i) => make("tr", {}, make("td", { class: "number" }, String(i + 1)),
      make("td", {}, value), make("td", {}, [summary.bugcheck.parameter_meanings[i], summary.bugcheck.parameter_values[i]].filter(Boolean).join(": "))));
    if (summary.bugcheck.parameters.some((value) => value !== "0x0"))
      parts.push(make("div", { class: "frames narrow", tabindex: "0", role: "region", "aria-label": "the bugcheck's parameters" },
      make("table", {}, make("tbody", {}, ...rows))));
  }
  if (summary.blame) {
    parts.push(make("h3", {}, "Who is responsible"),
      make("p", {}, make("span", { class: "bad" }, summary.blame.module ?? "nobody is known"), " ",
        make("span", { class: "badge" }, "confidence: " + summary.blame.confidence)),
      make("p", {}, [summary.blame.reason, summary.blame.because].filter(Boolean).join("; ")));
    if (summary.signature) parts.push(make("p", { class: "quiet" }, "signature ", make("code", {}, summary.signature.hash)));
  }
  parts.push(make("h3", {}, "Findings"), ...summary.findings.map(finding));
  fill(box, ...parts);
}

// ---- modules
// What stands of its files where it is on a stack.
function filesText(files) {
  if (!files) return "";
  const pdb = files.pdb.at_hand ? "PDB" : files.pdb.is_known === false ? "no PDB: which one is not known" : "no PDB";
  return `${files.image.at_hand ? "image" : "no image"}, ${pdb}`;
}
const modules = (() => {
  const key = (name, base) => `${name.toLowerCase()} ${base}`;
  const files = new Map(data.symbol_files.map((each) => [key(each.module, each.base), each]));
  const all = data.modules.map((module) => {
    const known = files.get(key(module.name, module.base));
    files.delete(key(module.name, module.base));
    return { ...module, stacks: known?.stacks ?? 0, files: filesText(known) };
  });
  // Images of processes are in no list of the kernel's.
  for (const each of files.values())
    all.push({ name: each.module, path: "", base: each.base, size: null, timestamp: null, stacks: each.stacks, files: filesText(each) });
  return all.map((module) => ({ ...module, at: BigInt(module.base), text: `${module.name}\n${module.path}\n${module.base}`.toLowerCase() }));
})();
const COLUMNS = [["name", "Name"], ["at", "Base"], ["size", "Size"], ["timestamp", "Timestamp"], ["stacks", "On stacks"],
  ["files", "Files at hand"], ["path", "Path"]];
let order = { by: "at", down: false };
let visibleModules = 0;
function sortModules(by) {
  order = { by, down: order.by === by && !order.down };
  showModules();
  body("modules").querySelector(`[data-by="${by}"]`).focus();
}
function showModules() {
  const rows = words.length ? modules.filter((module) => matches(module.text)) : [...modules];
  const value = (module) => typeof module[order.by] === "string" ? module[order.by].toLowerCase() : module[order.by] ?? -1;
  rows.sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1); });
  const head = COLUMNS.map(([key, text]) => make("th", { scope: "col",
    "aria-sort": order.by === key ? (order.down ? "descending" : "ascending") : "none" },
    make("button", { type: "button", "data-by": key, onclick: () => sortModules(key) }, text)));
  const cells = (module) => [make("td", {}, ...marked(module.name)), make("td", {}, ...marked(module.base)),
    make("td", {}, module.size === null ? "" : "0x" + module.size.toString(16)),
    make("td", {}, module.timestamp === null ? "" : module.timestamp.toString(16).padStart(8, "0")),
    make("td", {}, module.stacks ? String(module.stacks) : ""),
    make("td", module.files.includes("no ") ? { class: "lacks" } : {}, module.files), make("td", {}, ...marked(module.path))];
  fill(body("modules"), make("table", {}, make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows.map((module) => make("tr", {}, ...cells(module))))));
  visibleModules = rows.length;
}

// ---- what was missing
function showMissing() {
  const parts = data.missing.map((each) => make("li", {}, `${each.what} of ${each.module}: ${each.remedy}`));
  parts.push(...data.missing_threads.map((each) => make("li", {},
    `the kernel stack of thread ${(each.process_id ?? 0).toString(16)}.${(each.id ?? 0).toString(16)}: ${each.reason}`)));
  parts.push(...data.warnings.map((text) => make("li", {}, text)));
  fill(body("missing"), parts.length ? make("ul", {}, ...parts) : make("p", {}, "Nothing."));
}

// ---- the picture of all stacks
const ROW = 20, LEAST = 1.5;
const SVG = "http://www.w3.org/2000/svg";
function buildTree() {
  const root = { name: "all stacks", count: 0, children: new Map(), parent: null, depth: 0 };
  for (const stack of data.stacks) {
    if (!stack.frames.length) continue;
    let node = root;
    ++root.count;
    for (let i = stack.frames.length; i-- > 0;) {
      const frame = stack.frames[i], site = data.sites[frame[0]];
      const name = site.function ?? (site.user ? "(user mode)" : "(in no module)");
      let child = node.children.get(name);
      if (!child) node.children.set(name, child = { name, count: 0, guesses: 0, children: new Map(), parent: node, depth: node.depth + 1 });
      ++child.count;
      if (frame[1] === GUESS) ++child.guesses;
      node = child;
    }
  }
  return root;
}
let root = null, zoomed = null, now = null;
const sorted = (node) => [...node.children.values()].sort((a, b) => b.count - a.count);
// A colour for each module, light enough for dark text in both themes.
function colourOf(name) {
  let hash = 7;
  for (const c of name.split("!")[0]) hash = (hash * 31 + c.codePointAt(0)) % 360;
  return `hsl(${hash} 55% 72%)`;
}
const MOST_ROWS = 120;
function box(node, x, wide, row, kind) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("x", x.toFixed(1)); rect.setAttribute("y", row * ROW);
  rect.setAttribute("width", wide.toFixed(1)); rect.setAttribute("height", ROW - 1);
  rect.style.fill = colourOf(node.name);
  const isHit = words.length > 0 && matches(node.name.toLowerCase());
  rect.setAttribute("class", [kind, node === now ? "now" : "", isHit ? "hit" : ""].join(" ").trim());
  rect.addEventListener("click", () => { zoomed = now = node; drawPicture(); });
  const title = document.createElementNS(SVG, "title");
  title.textContent = describe(node);
  rect.append(title);
  const parts = [rect];
  const letters = Math.floor((wide - 6) / 7.3);
  if (letters > 2) {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", (x + 3).toFixed(1)); text.setAttribute("y", row * ROW + 14);
    text.textContent = node.name.length > letters ? node.name.slice(0, letters - 1) + "…" : node.name;
    parts.push(text);
  }
  return parts;
}
// The way back for fingers and mice: the whole, and what called the frame that is as wide as the picture.
function above(node) {
  const callers = [];
  for (let at = node.parent; at; at = at.parent) callers.unshift(at);
  return callers.length > 3 ? [callers[0], ...callers.slice(-2)] : callers;
}
function drawPicture() {
  root ??= buildTree();
  zoomed ??= root;
  now ??= zoomed;
  const width = Math.max(200, byId("icicle").clientWidth);
  const parts = [];
  let deepest = 0, isNowDrawn = false, wasCut = false;
  above(zoomed).forEach((node, row) => { parts.push(...box(node, 0, width, row, "above")); isNowDrawn ||= node === now; });
  const first = above(zoomed).length;
  const todo = [[zoomed, 0, width, first]];
  while (todo.length) {
    const [node, x, wide, row] = todo.pop();
    if (wide < LEAST) continue;
    if (row >= first + MOST_ROWS) { wasCut = true; continue; }
    deepest = Math.max(deepest, row);
    isNowDrawn ||= node === now;
    parts.push(...box(node, x, wide, row, ""));
    let at = x;
    for (const child of sorted(node)) { const part = wide * child.count / node.count; todo.push([child, at, part, row + 1]); at += part; }
  }
  if (!isNowDrawn) { zoomed = now; return drawPicture(); }
  const svg = document.createElementNS(SVG, "svg");
  svg.append(...parts);
  svg.setAttribute("viewBox", `0 0 ${width} ${(deepest + 1) * ROW}`);
  svg.setAttribute("height", (deepest + 1) * ROW);
  svg.setAttribute("aria-hidden", "true");
  fill(byId("icicle"), svg);
  byId("icicle-now").textContent = describe(now) + (wasCut ? "; deeper frames show when one is made as wide as the picture" : "");
}
// The tree as text: frames that call one frame alone stand together.
function listOf(node) {
  const chain = [node];
  while (chain.at(-1).children.size === 1 && sorted(chain.at(-1))[0].count === node.count) chain.push(sorted(chain.at(-1))[0]);
  const last = chain.at(-1);
  const title = `${plural(node.count, "thread")}: ${node.name}${chain.length > 1 ? ` and ${plural(chain.length - 1, "frame")} that it leads to` : ""}`;
  const details = make("details", {}, make("summary", {}, title));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const frames = make("ol", { class: "chain" }, ...chain.map((each) => make("li", {}, each.name + (each.guesses ? ` ? in ${each.guesses} a guess` : ""))));
    details.append(make("div", {}, frames, ...sorted(last).map(listOf)));
  });
  return details;
}
byId("as-list").addEventListener("toggle", () => {
  if (byId("as-list").childElementCount === 1) byId("as-list").append(make("div", {}, ...sorted(root).map(listOf)));
});
function describe(node) {
  return `${node.name}: ${plural(node.count, "thread")} of ${root.count}` + (node.guesses ? `, in ${node.guesses} of them a guess` : "");
}
byId("icicle").addEventListener("keydown", (event) => {
  const beside = (step) => { const all = now.parent ? sorted(now.parent) : [now]; return all[all.indexOf(now) + step] ?? now; };
  const moves = { ArrowDown: () => sorted(now)[0] ?? now, ArrowUp: () => now.parent ?? now, ArrowLeft: () => beside(-1), ArrowRight: () => beside(1) };
  if (moves[event.key]) now = moves[event.key]();
  else if (event.key === "Enter") zoomed = now;
  else if (event.key === "Escape") zoomed = now = root;
  else return;
  event.preventDefault();
  drawPicture();
});

// ---- stack use
// The kernel's frames alone: those of user code are on a stack that may be as large as one likes.
const usesOf = (stack) => stack.frames.filter((frame) => frame[2] !== null && !data.sites[frame[0]].user);
const usedBy = (stack) => stack.segments.reduce((sum, segment) => sum + segment.used, 0);
const usesStack = (stack) => stack.segments.length > 0 && usesOf(stack).length > 0;
function segmentPart(segment) {
  const share = Math.min(100, 100 * segment.used / segment.size);
  const line = `${segment.kind} stack: ${segment.used} of ${segment.size} bytes in use (${share.toFixed(0)} %), ${segment.left} left` +
    (segment.size_known ? "" : "; the usual size, for the dump does not tell");
  const part = make("div", {});
  part.style.width = `${share.toFixed(2)}%`;
  return make("div", { class: "segment" }, make("p", {}, line), make("div", { class: "room", "aria-hidden": "true" }, part));
}
function showUse(number) {
  const stack = data.stacks[number];
  const used = usesOf(stack);
  const most = Math.max(1, ...used.map((frame) => frame[2]));
  const rows = used.flatMap((frame) => {
    const bar = make("div", { class: "bar-of", "aria-hidden": "true" });
    bar.style.width = `${(100 * frame[2] / most).toFixed(2)}%`;
    const isGuess = frame[1] === GUESS || frame[1] === REBUILT;
    return [make("div", { class: isGuess ? "name guess" : "name" }, (isGuess ? "? " : "") + data.sites[frame[0]].name),
      make("div", { class: "bytes" }, String(frame[2])), bar, make("div")];
  });
  const total = used.reduce((sum, frame) => sum + frame[2], 0);
  fill(body("use"), ...stack.segments.map(segmentPart),
    make("p", {}, `${plural(used.length, "frame")} of known size: ${total} bytes. The youngest first.`), make("div", { class: "use" }, ...rows));
}
function fillThreads() {
  const list = byId("use-thread");
  const all = data.stacks.map((stack, i) => ({ i, bytes: usedBy(stack) })).filter(({ i }) => usesStack(data.stacks[i])).sort((a, b) => b.bytes - a.bytes);
  fill(list, ...all.map(({ i, bytes }) => make("option", { value: String(i) }, `${bytes} bytes: ${threadText(data.stacks[i])}`)));
  list.addEventListener("change", () => showUse(Number(list.value)));
  if (all.length) showUse(all[0].i);
  else byId("use").hidden = true;
}
function chooseUse(number) {
  byId("use-thread").value = String(number);
  showUse(number);
  byId("use-thread").focus();
}

// ---- who waits for whom
const DEEPEST = 24, MOST_WAITERS = 12;
function referenceText(thread) {
  return `${thread.process ?? "thread"} ${(thread.process_id ?? 0).toString(16)}.${(thread.thread_id ?? 0).toString(16)}`;
}
function sureness(certainty) {
  return make("span", { class: certainty === "fact" ? "badge" : "badge guess" }, certainty === "fact" ? "fact" : `? ${certainty}`);
}
function objectNode(number, shown, depth) {
  const { objects, waits } = data.waits;
  const object = objects[number];
  const name = `${object.kind.replaceAll("_", " ")}${object.address ? ` at ${object.address}` : ""}`;
  const item = make("li", {}, make("strong", {}, name), ` ${plural(object.behind, "thread")} behind `, sureness(object.certainty));
  const list = make("ul", { class: "tree" });
  for (const holder of object.holders)
    list.append(make("li", {}, "held by ", holder.thread ? referenceText(holder.thread) : holder.what ?? "somebody",
      holder.doing ? `, which ${holder.doing}` : "", " ", sureness(holder.certainty), make("span", { class: "quiet" }, ` ${holder.how}`)));
  if (object.why_no_holder) list.append(make("li", { class: "quiet" }, object.why_no_holder));
  if (shown.has(number) || depth > DEEPEST) list.append(make("li", { class: "quiet" }, "its waiters stand elsewhere here"));
  else {
    shown.add(number);
    const waiters = [...object.waiters].sort((a, b) => waits[b].holds.length - waits[a].holds.length);
    for (const each of waiters.slice(0, MOST_WAITERS)) {
      const wait = waits[each];
      list.append(make("li", {}, `${referenceText(wait)} waits`, wait.holds.length ? ", and holds" : "",
        wait.holds.length ? make("ul", { class: "tree" }, ...wait.holds.map((held) => objectNode(held, shown, depth + 1))) : null));
    }
    if (waiters.length > MOST_WAITERS) list.append(make("li", {}, `and ${waiters.length - MOST_WAITERS} more`));
  }
  item.append(list);
  return item;
}
function showWaits() {
  const waits = data.waits;
  if (!waits.diagnosis.length && !waits.roots.length && !waits.cycles.length) return;
  byId("waits").hidden = false;
  const told = waits.diagnosis.slice(0, SHOWN).map((each) => make("div", { class: `finding ${each.kind === "deadlock" ? "high" : ""}` },
    make("p", {}, each.sentence + ". ", sureness(each.certainty)),
    each.evidence.length ? make("details", {}, make("summary", {}, "evidence"),
      make("div", {}, ...each.evidence.map((line) => make("p", {}, line)))) : null));
  const shown = new Set();
  const starts = [...waits.cycles.map((cycle) => cycle.steps[0].object), ...waits.roots].slice(0, SHOWN);
  fill(body("waits"), ...told, make("h3", {}, "Chains"), make("ul", { class: "tree" }, ...starts.map((root) => objectNode(root, shown, 0))));
}

// ---- search, keys, theme
function search(text) {
  words = text.toLowerCase().split(/\s+/).filter(Boolean);
  showGroups();
  showModules();
  if (root) drawPicture();
  const threads = visibleGroups.reduce((sum, group) => sum + group.shown.length, 0);
  byId("hits").textContent = words.length ? `${plural(threads, "thread")} in ${plural(visibleGroups.length, "group")}, ${plural(visibleModules, "module")}` : "";
}
let waiting = 0;
byId("search").addEventListener("input", (event) => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => search(event.target.value));
});
function toggleKeys() {
  const help = byId("keyhelp");
  help.hidden = !help.hidden;
  byId("keys").setAttribute("aria-expanded", String(!help.hidden));
}
byId("keys").addEventListener("click", toggleKeys);
function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", String(dark));
}
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
prefersDark.addEventListener("change", (event) => setTheme(event.matches));
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
document.addEventListener("keydown", (event) => {
  const field = byId("search");
  if (event.key === "Escape" && event.target === field) { field.value = ""; search(""); field.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); field.focus(); field.select(); }
  else if (event.key === "?") toggleKeys();
  else if (event.key === "j" || event.key === "k") {
    const all = [...document.querySelectorAll("details.group > summary")];
    const at = all.indexOf(document.activeElement);
    const next = all[event.key === "j" ? at + 1 : Math.max(0, at - 1)];
    next?.focus();
  }
});

function showFoundBy() {
  const used = new Set(data.stacks.flatMap((stack) => [...stack.frames, ...stack.bugcheck_frames].map((frame) => frame[1])));
  const rows = data.trusts.flatMap((trust, i) => used.has(i) ? [make("dt", {}, (i === GUESS || i === REBUILT ? "? " : "") + trust.replaceAll("_", " ")),
    make("dd", {}, FOUND_BY[trust] ?? "")] : []);
  fill(byId("found-by").querySelector("dl"), ...rows);
}

const names = { summary: "What happened", waits: "Waits", groups: "Groups", picture: "Picture", use: "Stack use", modules: "Modules", missing: "Missing" };
setTheme(prefersDark.matches);
showSummary();
showWaits();
search("");
fillThreads();
showMissing();
showFoundBy();
for (const [id, name] of Object.entries(names))
  if (!byId(id).hidden) byId("parts").append(make("li", {}, make("a", { href: "#" + id }, name)));
requestAnimationFrame(() => {
  drawPicture();
  addEventListener("resize", drawPicture);
  performance.mark("usable");
});
window.ntstack = { search, count: () => byId("hits").textContent };  // for measurements
})();
