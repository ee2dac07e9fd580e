// Pointer, wheel and keyboard input on the timeline.

const stage = byId('stage');
const tip = byId('tip');
const NEAR_PX = 8;
const DRAG_PX = 4;

// --- The tooltip ---

function near(x) {
  const least = msOf(x - NEAR_PX), most = msOf(x + NEAR_PX), found = [];
  for (let at = firstFrom(marks, least); at < marks.length && marks[at].at <= most; at += 1) found.push(marks[at]);
  const far = (event) => Math.abs(event.at - msOf(x));
  return found.sort((a, b) => far(a) - far(b));
}

const turnAt = (ms) => turns.findLast((turn) => turn.start <= ms && ms <= turn.end) ?? null;

function describe(ms, y) {
  const turn = turnAt(ms);
  if (!turn) return '';
  if (y < TOP.latency) {
    const user = turn.user;
    return user && user.end_ms !== null && ms >= user.start_ms && ms <= user.end_ms
      ? `Turn ${turn.number}: user speech, ${seconds(user.end_ms - user.start_ms)}` : `Turn ${turn.number}`;
  }
  const response = turn.responses.findLast((each) => (heardOf.get(each.id)?.start ?? each.created_ms ?? each.first_audio_ms ?? Infinity) <= ms);
  if (!response) return `Turn ${turn.number}`;
  const latency = response.latency_ms === null ? '' : `, first audio after ${millis(response.latency_ms)}`;
  // Dialects without responses have no response.done.
  const status = response.status ?? (response.created_ms === null ? 'received' : 'without response.done');
  return `Turn ${turn.number}: response ${status}${latency}`;
}

function showTip(x, y) {
  const ms = msOf(x), close = near(x).slice(0, 4);
  tip.replaceChildren(make('b', '', clock(ms)));
  const place = describe(ms, y);
  if (place) tip.append(make('div', '', place));
  for (const event of close) tip.append(logText('div', 'text', `${clock(event.at)}  ${event.type}`));
  tip.hidden = false;
  const left = x + 14 + tip.offsetWidth > stage.clientWidth ? x - 14 - tip.offsetWidth : x + 14;
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${clamp(y + 14, 0, Math.max(0, HEIGHT - tip.offsetHeight))}px`;
}

function hideTip() {
  tip.hidden = true;
  view.pointer = null;
  changed();
}

// --- Pointers: a click selects, a drag moves, two fingers zoom ---

const fingers = new Map();
let drag = null;

const placeOf = (event) => {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

stage.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, placeOf(event));
  drag = { ...placeOf(event), start: view.start, end: view.end, isFar: false, pinch: null };
});

stage.addEventListener('pointermove', (event) => {
  const place = placeOf(event);
  if (!fingers.has(event.pointerId)) {
    view.pointer = place.x;
    showTip(place.x, place.y);
    changed();
    return;
  }
  fingers.set(event.pointerId, place);
  if (fingers.size === 2) return pinch();
  if (!drag || drag.pinch) return;
  drag.isFar ||= Math.abs(place.x - drag.x) > DRAG_PX;
  if (!drag.isFar) return;
  stage.classList.add('dragging');
  hideTip();
  const moved = ((place.x - drag.x) / Math.max(1, stage.clientWidth)) * (drag.end - drag.start);
  show(drag.start - moved, drag.end - moved);
});

function pinch() {
  const [one, other] = [...fingers.values()].map((place) => place.x);
  const width = Math.max(20, Math.abs(one - other)), middle = (one + other) / 2;
  if (drag.pinch === null) drag.pinch = { width, ms: msOf(middle), span: spanOf() };
  const span = clamp((drag.pinch.span * drag.pinch.width) / width, MIN_SPAN_MS, full.end - full.start);
  const start = drag.pinch.ms - (middle / Math.max(1, stage.clientWidth)) * span;
  show(start, start + span);
}

function released(event) {
  const began = drag;
  fingers.delete(event.pointerId);
  if (fingers.size) return;
  stage.classList.remove('dragging');
  drag = null;
  if (event.type === 'pointerup' && began && !began.isFar && !began.pinch) choose(placeOf(event));
}

stage.addEventListener('pointerup', released);
stage.addEventListener('pointercancel', released);
stage.addEventListener('pointerleave', hideTip);

function choose({ x, y }) {
  const ms = clamp(msOf(x), full.start, full.end);
  const close = near(x)[0];
  movePlayhead(close && y >= TOP.marks ? close.at : ms);
  if (close && (y >= TOP.marks || y < TOP.caller)) pickEvent(close, { isFromTimeline: true });
  const turn = turnAt(ms);
  if (turn) pickTurn(turn, { isFromTimeline: true });
}

// The wheel zooms at the pointer, and moves with Shift or sideways. When the complete call is shown it scrolls the page.
stage.addEventListener('wheel', (event) => {
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
  if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
    event.preventDefault();
    pan((sideways * unit) / Math.max(1, stage.clientWidth));
  } else if (!(isShowingAll() && event.deltaY > 0)) {
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY * unit, -240, 240) * 0.0022), msOf(placeOf(event).x));
  }
}, { passive: false });

// --- Keys and buttons ---

function stepTurn(step) {
  const next = turns[view.turn ? view.turn.index + step : step > 0 ? 0 : turns.length - 1];
  if (next) pickTurn(next);
}

const KEYS = {
  ArrowLeft: (event) => pan(event.shiftKey ? -0.5 : -0.1),
  ArrowRight: (event) => pan(event.shiftKey ? 0.5 : 0.1),
  Home: () => show(full.start, full.start + spanOf()),
  End: () => show(full.end - spanOf(), full.end),
  '+': () => zoom(0.6),
  '=': () => zoom(0.6),
  '-': () => zoom(1 / 0.6),
  0: showAll,
  n: () => stepTurn(1),
  p: () => stepTurn(-1),
  ' ': () => togglePlay(),
};

stage.addEventListener('keydown', (event) => {
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(event);
});

byId('zoom-in').addEventListener('click', () => zoom(0.6));
byId('zoom-out').addEventListener('click', () => zoom(1 / 0.6));
byId('zoom-all').addEventListener('click', showAll);

// --- The map ---

function moveMap(event) {
  const box = map.getBoundingClientRect();
  const ms = full.start + ((event.clientX - box.left) / Math.max(1, box.width)) * (full.end - full.start);
  show(ms - spanOf() / 2, ms + spanOf() / 2);
}

map.addEventListener('pointerdown', (event) => {
  map.setPointerCapture(event.pointerId);
  moveMap(event);
});
map.addEventListener('pointermove', (event) => {
  if (map.hasPointerCapture(event.pointerId)) moveMap(event);
});
