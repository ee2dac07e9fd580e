// The window of time that the timeline shows, and what is chosen in it. Nothing here draws.

const LEAST_SPAN_MS = 50;
const view = { start: whole.start, end: whole.end, hand: whole.start, pointer: null, turn: null, event: null };
const watchers = [];
let isDue = false;

// Call `watcher` before the next picture, whenever the view has changed.
function watch(watcher) {
  watchers.push(watcher);
}

function changed() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    for (const watcher of watchers) watcher();
  });
}

const spanOf = () => view.end - view.start;
const isWhole = () => view.start <= whole.start && view.end >= whole.end;

function show(start, end) {
  const span = clamp(end - start, LEAST_SPAN_MS, Math.max(LEAST_SPAN_MS, whole.end - whole.start));
  view.start = clamp(start, whole.start, Math.max(whole.start, whole.end - span));
  view.end = view.start + span;
  changed();
}

// Narrower by `factor` (wider above 1); what is at `ms` stays where it is.
function zoom(factor, ms = (view.start + view.end) / 2) {
  const span = clamp(spanOf() * factor, LEAST_SPAN_MS, whole.end - whole.start);
  const share = (ms - view.start) / spanOf();
  show(ms - share * span, ms - share * span + span);
}

const pan = (share) => show(view.start + share * spanOf(), view.end + share * spanOf());
const showAll = () => show(whole.start, whole.end);

// Move, at the same zoom, so that `ms` is in view.
function reveal(ms) {
  if (ms >= view.start && ms <= view.end) return changed();
  return show(ms - spanOf() * 0.3, ms + spanOf() * 0.7);
}

// Show these times with a margin.
function frame(start, end) {
  const margin = Math.max(400, (end - start) * 0.12);
  show(start - margin, end + margin);
}
