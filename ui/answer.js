// Draws an answer: what is being done, sentences with their footnotes, where articles differ, the sources;
// and, for the footnote that is open, its article beside the conversation. Everything that comes from an
// article or a model becomes a text node.

const TALK = 440;  // what the conversation needs beside an article, in pixels
const HEADER = 64;  // what the page's own bar covers
let current = null;  // the panel that is open, in whichever answer: there is one at a time
let held = null;  // the answer that the window stays with, until the reader moves it

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

function pressed(name, text, act) {
  const made = element("button", name, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function foreign(tag, name, text) {
  const made = element(tag, name, text);
  made.dir = "auto";
  return made;
}

// Returns pieces of text as nodes: by turns plain, and words that answer the question.
function byTurns(pieces) {
  return pieces.flatMap((piece, at) => !piece ? [] : at % 2 ? element("strong", "", piece) : piece);
}

// --- the quote beside its footnote

function hideTip(root) {
  if (root.tip) root.tip.remove();
  root.tip = null;
}

function showTip(root, note, button, touched) {
  hideTip(root);
  const tip = root.tip = element("div", "tip");
  tip.popover = "manual";
  const quote = foreign("p", "");
  quote.append("“", ...byTurns(note.pieces), "”");
  tip.append(quote, foreign("p", "by", `${note.title} · ${note.said}`));
  if (touched) tip.append(pressed("", "Read it in the article", () => open(root, note, button)));
  root.append(tip);
  tip.showPopover();
  const chip = button.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const above = chip.bottom + own.height + 12 > innerHeight && chip.top > own.height + 12;
  tip.style.left = `${Math.max(8, Math.min(chip.left, innerWidth - own.width - 8))}px`;
  tip.style.top = `${above ? chip.top - own.height - 6 : chip.bottom + 6}px`;
}

function chip(root, note, bad) {
  const button = pressed(`chip ${bad ? "unsupported" : "checked"}`, note.name, (event) => {
    if (event.pointerType === "touch" && !(root.tip && root.touched === button)) {
      root.touched = button;
      showTip(root, note, button, true);
    } else {
      open(root, note, button);
    }
  });
  // The browser's own tooltip, for those who have no other, gives way while ours is shown.
  const quote = `“${note.short}”`;
  button.title = quote;
  button.setAttribute("aria-label", `Source ${note.name}: ${note.title}${bad ? " (unsupported)" : ""}`);
  const enter = (event) => {
    if (event.pointerType === "touch") return;
    button.removeAttribute("title");
    showTip(root, note, button, false);
  };
  const leave = (event) => {
    button.title = quote;
    if (event.pointerType !== "touch") hideTip(root);
  };
  button.addEventListener("pointerenter", enter);
  button.addEventListener("pointerleave", leave);
  button.addEventListener("focus", (event) => { if (button.matches(":focus-visible")) enter(event); });
  button.addEventListener("blur", () => { button.title = quote; if (root.touched !== button) hideTip(root); });
  return button;
}

// --- the article

const main = () => document.querySelector(".stMain");

// The width of the article beside the conversation, in pixels.
const width = () => Math.round(Math.max(416, Math.min(620, innerWidth * 0.34)));

function makeRoom(beside) {
  if (main()) main().style.paddingRight = beside ? `${width()}px` : "";
}

function close(root, silently) {
  const panel = root.panel;
  if (!panel) return;
  root.panel = current = null;
  panel.remove();
  makeRoom(false);
  for (const one of root.querySelectorAll('[aria-expanded="true"]')) one.setAttribute("aria-expanded", "false");
  if (!silently && root.opener && root.opener.isConnected) root.opener.focus();
}

function open(root, note, button) {
  hideTip(root);
  if (current && current !== root) close(current, true);
  root.opener = button;
  if (!root.panel) mount(root);
  fill(root, note);
  root.panel.text.focus({ preventScroll: true });
  button.scrollIntoView({ block: "nearest" });
}

function mount(root) {
  const wide = main() && main().clientWidth >= width() + TALK;
  const panel = root.panel = element("dialog", wide ? "panel" : "panel sheet");
  current = root;
  panel.setAttribute("aria-label", "Source");
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close(root);
  });
  panel.addEventListener("cancel", (event) => { event.preventDefault(); close(root); });
  panel.addEventListener("click", (event) => { if (event.target === panel) close(root); });
  root.append(panel);
  if (wide) {
    panel.popover = "manual";
    panel.setAttribute("role", "dialog");
    panel.style.width = `${width()}px`;
    panel.showPopover();
    makeRoom(true);
  } else {
    panel.showModal();
  }
}

function fill(root, note) {
  const group = root.data.notes.filter((one) => one.group === note.group);
  const at = group.findIndex((one) => one.id === note.id);
  root.panel.replaceChildren(bar(root, group, at), about(note), text(root, note));
  mark(root);
}

function bar(root, group, at) {
  const made = element("div", "bar");
  const step = (name, to) => {
    const button = pressed("", name, () => {
      fill(root, group[to]);
      const again = root.panel.querySelector(`button[data-name="${name}"]`);
      (again.disabled ? root.panel.text : again).focus({ preventScroll: true });
    });
    button.dataset.name = name;
    button.disabled = !group[to];
    return button;
  };
  const shut = pressed("", "✕", () => close(root));
  shut.setAttribute("aria-label", "Close");
  made.append(step("Previous", at - 1), element("span", "place", `${at + 1} of ${group.length}`));
  made.append(step("Next", at + 1), shut);
  return made;
}

function about(note) {
  const made = element("div", "about");
  made.append(foreign("h3", "", note.title), foreign("p", "", note.about));
  const kind = note.group !== "note" ? "" : note.verdict === "checked" ? "held" : "lacking";
  made.append(foreign("p", kind, note.said));
  const copy = pressed("act", "Copy quote", async () => {
    copy.textContent = await written(note.quote) ? "Copied" : "Select the words to copy them";
  });
  made.append(copy);
  return made;
}

async function written(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    return false;
  }
}

function text(root, note) {
  const made = root.panel.text = foreign("div", "text");
  made.tabIndex = 0;
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", "Text of the article");
  const pieces = root.data.articles[note.article] || [];
  const words = (from, to) => pieces.slice(from, to).join("");
  made.append(words(0, note.first));
  root.panel.mark = note.last > note.first ? element("mark") : null;
  if (root.panel.mark) {
    const [from, to] = note.answer;
    root.panel.mark.append(...byTurns([words(note.first, from), words(from, to), words(to, note.last)]));
    made.append(root.panel.mark);
  }
  made.append(words(note.last));
  return made;
}

function mark(root) {
  const { panel } = root;
  if (panel.mark) panel.text.scrollTop = panel.mark.offsetTop - panel.text.clientHeight / 4;
}

// --- the answer

function sentences(root, data) {
  const made = document.createDocumentFragment();
  let paragraph = null;
  for (const one of data.sentences) {
    if (!paragraph || one.paragraph) paragraph = made.appendChild(foreign("p", ""));
    else paragraph.append(" ");
    if (one.lead) paragraph.append(element("span", "lead", one.lead), " ");
    const words = paragraph.appendChild(element("span", one.why ? "bad" : ""));
    words.append(...byTurns(one.pieces));
    for (const number of one.sources) {
      const note = root.notes.get(`note-${number}`);
      if (note) paragraph.append(chip(root, note, Boolean(one.why)));
    }
    for (const word of [one.why, one.judged]) if (word) paragraph.append(element("span", "why", word));
  }
  return made;
}

function draft(data) {
  const made = foreign("p", "");
  for (const piece of data.draft.split(/(\s*\[\d+\])/)) {
    const number = /^\s*\[(\d+)\]$/.exec(piece);
    made.append(number ? element("span", "chip pending", number[1]) : piece);
  }
  return made;
}

function stages(data) {
  if (data.state === "writing") {
    const made = element("div", "stages");
    made.append(element("span", "now", data.stage));
    return made;
  }
  const made = element("details", "stages");
  made.append(element("summary", "", data.stage));
  const list = element("ul");
  for (const line of data.stages) list.append(element("li", "", line));
  made.append(list);
  return made;
}

function conflict(root, data) {
  const made = element("section", "card");
  const accounts = element("div", "accounts");
  for (const one of data.accounts) {
    const said = element("div", "account");
    const words = foreign("p", "", one.words);
    const note = root.notes.get(`note-${one.number}`);
    if (note) words.append(chip(root, note, false));
    said.append(words, foreign("div", "by", one.by));
    accounts.append(said);
  }
  made.append(element("h4", "", data.heading), accounts);
  return made;
}

function parts(root, data) {
  const made = element("section", "card");
  const list = element("ul");
  for (const one of data) {
    const line = foreign("li", "", one.title);
    for (const number of one.numbers) {
      const note = root.notes.get(`note-${number}`);
      if (note) line.append(chip(root, note, false));
    }
    if (!one.numbers.length) line.append(" ", element("span", "untold", "The articles do not tell."));
    list.append(line);
  }
  made.append(element("h4", "", "Part by part"), list);
  return made;
}

function sourceButton(root, notes) {
  const note = notes[0], cited = note.group === "note";
  const button = pressed("source", "", () => open(root, note, button));
  if (cited) for (const one of notes) button.append(element("b", "", one.name));
  button.append(foreign("span", "", note.shortTitle));
  if (cited) button.append(foreign("span", "by", note.about));
  button.title = note.title;
  return button;
}

// One button for each article, with the numbers of all footnotes into it.
function sources(root, cited) {
  const row = element("div", "sources");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Sources");
  const articles = new Map();
  for (const note of cited) articles.set(note.article, [...(articles.get(note.article) || []), note]);
  for (const notes of articles.values()) row.append(sourceButton(root, notes));
  return row;
}

function copyButton(words) {
  const button = pressed("copy", "Copy with sources", async () => {
    button.textContent = await written(words) ? "Copied" : "Select the words to copy them";
  });
  return button;
}

function passages(root, notes) {
  const list = element("ul");
  for (const note of notes) {
    const item = element("li", "passage");
    item.append(sourceButton(root, [note]), foreign("p", "", note.short));
    list.append(item);
  }
  return list;
}

function declined(root, data) {
  const made = element("section", "declined");
  made.append(element("strong", "", data.declined));
  if (data.reason) made.append(foreign("span", "", data.reason));
  const near = data.notes.filter((note) => note.group === "close");
  if (near.length) made.append(element("h4", "", "Closest passages:"), passages(root, near));
  return made;
}

function draw(root, data) {
  const made = document.createDocumentFragment();
  if (data.stage) made.append(stages(data));
  if (data.searched) {
    const line = foreign("p", "searched");
    line.append(element("b", "", "Searched: "), data.searched);
    made.append(line);
  }
  if (data.notice) made.append(foreign("p", "said", data.notice));
  if (data.state === "writing") made.append(draft(data));
  else if (data.declined) made.append(declined(root, data));
  else drawAnswered(root, data, made);
  root.spoken = root.spoken || element("div", "spoken");
  root.spoken.setAttribute("role", "status");
  root.replaceChildren(root.spoken, made);
}

function drawAnswered(root, data, made) {
  made.append(sentences(root, data));
  if (data.reason) made.append(foreign("p", "said", data.reason));
  for (const one of data.conflicts) made.append(conflict(root, one));
  if (data.parts.length) made.append(parts(root, data.parts));
  for (const line of data.judgements) made.append(foreign("p", "searched", line));
  const cited = data.notes.filter((note) => note.group === "note");
  if (cited.length) made.append(sources(root, cited));
  const others = data.notes.filter((note) => note.group === "other");
  if (others.length) {
    const more = element("details", "more");
    more.append(element("summary", "", `Retrieved but not cited: ${others.length}`), passages(root, others));
    made.append(more);
  }
  if (data.copy) made.append(copyButton(data.copy));
}

// --- the question that was just asked, on top of the window

const question = (root) => {
  const turns = [...document.querySelectorAll(".stChatMessage")];
  return turns[turns.indexOf(root.getRootNode().host.closest(".stChatMessage")) - 1];
};

function letGo(event) {
  if (event && !event.isTrusted) return;
  if (main()) for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    main().removeEventListener(kind, letGo);
  }
  held = null;
}

function hold(root) {
  letGo();
  held = root;
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    main().addEventListener(kind, letGo, { passive: true });
  }
}

// Streamlit moves to the end of what is new, until somebody turns the wheel; a reader begins at its beginning.
function stay(root) {
  if (held !== root || !question(root)) return;
  const off = question(root).getBoundingClientRect().top - HEADER;
  if (Math.abs(off) <= 1) return;
  main().dispatchEvent(new Event("wheel"));
  main().scrollTop += off;
}

function announce(root, data) {
  if (root.wasWriting && data.state !== "writing") {
    const words = data.declined || data.sentences.map((one) => `${one.lead} ${one.text}`).join(" ");
    root.spoken.textContent = `${words} ${data.reason || ""}`;
  }
  root.wasWriting = data.state === "writing";
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify({ ...data, fresh: false });
  if (root.drawn === drawn) return root.leave;  // a new drawing would take the focus from what was just used
  root.drawn = drawn;
  root.data = data;
  root.notes = new Map(data.notes.map((note) => [note.id, note]));
  if (root.panel) close(root, true);
  if (data.fresh && !root.seen && main()) hold(root);
  root.seen = true;
  draw(root, data);
  announce(root, data);
  stay(root);
  root.staying = root.staying || setInterval(() => (held === root ? stay(root) : clearInterval(root.staying)), 16);
  root.outside = root.outside || ((event) => { if (!event.composedPath().includes(root)) hideTip(root); });
  document.addEventListener("pointerdown", root.outside);
  root.leave = () => {
    clearInterval(root.staying);
    close(root, true);
    hideTip(root);
    document.removeEventListener("pointerdown", root.outside);
  };
  return root.leave;
}
