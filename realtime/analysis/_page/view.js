// The range of time that the timeline shows, and the selection. Nothing here draws.

const MIN_SPAN_MS = 50;
const view = { start: full.start, end: full.end, playhead: full.start, pointer: null, turn: null, event: null };
const watchers = [];
let isDue = false;

// Calls `watcher` before the next frame after each change of the view.
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
const isShowingAll = () => view.start <= full.start && view.end >= full.end;

function show(start, end) {
  const span = clamp(end - start, MIN_SPAN_MS, Math.max(MIN_SPAN_MS, full.end - full.start));
  view.start = clamp(start, full.start, Math.max(full.start, full.end - span));
  view.end = view.start + span;
  changed();
}

// Scales the range by `factor`; `ms` stays in place.
function zoom(factor, ms = (view.start + view.end) / 2) {
  const span = clamp(spanOf() * factor, MIN_SPAN_MS, full.end - full.start);
  const share = (ms - view.start) / spanOf();
  show(ms - share * span, ms - share * span + span);
}

const pan = (share) => show(view.start + share * spanOf(), view.end + share * spanOf());
const showAll = () => show(full.start, full.end);

// Moves the range, if needed, so that `ms` is visible.
function reveal(ms) {
  if (ms >= view.start && ms <= view.end) return changed();
  return show(ms - spanOf() * 0.3, ms + spanOf() * 0.7);
}

// Shows these times with a margin.
function frame(start, end) {
  const margin = Math.max(400, (end - start) * 0.12);
  show(start - margin, end + margin);
}
