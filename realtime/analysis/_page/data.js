// The call, and the small tools that all parts of the page use.
//
// What `call` has is told where it is made, by `page_model` of _page_model.py. Everything in it is from a
// log and may be hostile: it is put into the document by textContent alone.

const byId = (id) => document.getElementById(id);
const call = JSON.parse(byId('data').textContent);
const whole = { start: call.start_ms, end: call.end_ms };

// Arrays of the model as objects.
const events = call.events.map(([at, end, side, type, kind, text, line, count, nbytes, audioMs, isFirst], index) =>
  ({ index, at, end, side, type, kind, text, line, count, nbytes, audioMs, isFirst }));
const heard = call.heard.map(([start, end, response]) => ({ start, end, response }));
const sent = call.sent.map(([start, end]) => ({ start, end }));

const heardOf = new Map();
for (const span of heard) {
  const before = heardOf.get(span.response);
  heardOf.set(span.response, before ? { start: before.start, end: Math.max(before.end, span.end) } : span);
}

// Where each turn lies: from the user's first word to the last that was heard of its answers.
const turns = call.turns.map((turn, index) => {
  const times = [turn.at_ms];
  if (turn.user) times.push(turn.user.start_ms, turn.user.end_ms);
  for (const response of turn.responses) {
    const span = response.id === null ? null : heardOf.get(response.id);
    times.push(response.asked_ms, response.created_ms, response.first_audio_ms, response.last_audio_ms, response.done_ms,
      span?.start, span?.end);
  }
  const known = times.filter(Number.isFinite);
  const start = turn.user ? Math.min(turn.user.start_ms, turn.at_ms) : Math.min(...known);
  return { ...turn, index, start, end: Math.max(...known, start + 1) };
});

// What a mark on the timeline means: its name, its colour's variable, its shape; the first is drawn on top.
const KINDS = {
  error: { name: 'error', color: 'error', shape: 'triangle' },
  broken: { name: 'broken', color: 'error', shape: 'cross' },
  cut: { name: 'interruption', color: 'cut', shape: 'bar' },
  call: { name: 'function call', color: 'call', shape: 'square' },
  unknown: { name: 'unknown event', color: 'unknown', shape: 'ring' },
  first: { name: 'first audio', color: 'assistant', shape: 'play' },
  commit: { name: 'commit', color: 'commit', shape: 'diamond' },
  speech: { name: 'speech', color: 'caller', shape: 'dot' },
  response: { name: 'response', color: 'assistant', shape: 'dot' },
  session: { name: 'session', color: 'session', shape: 'tick' },
};
const ORDER = Object.keys(KINDS);
const kindOf = (event) => (event.isFirst ? 'first' : event.kind);
// In the order of time, which need not be the log's.
const marks = events.filter((event) => kindOf(event) in KINDS).sort((one, other) => one.at - other.at);

const two = (number) => String(number).padStart(2, '0');

// m:ss.mmm, with hours where there are any.
function clock(ms) {
  const all = Math.max(0, Math.round(ms));
  const hours = Math.floor(all / 3600000);
  const minutes = Math.floor(all / 60000) % 60;
  const seconds = `${two(Math.floor(all / 1000) % 60)}.${String(all % 1000).padStart(3, '0')}`;
  return hours ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

const number = new Intl.NumberFormat('en');
const millis = (ms) => `${number.format(Math.round(ms))} ms`;
const seconds = (ms) => `${(ms / 1000).toFixed(3)} s`;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

// An element with a class and a text; a text is all that it can be given.
function make(tag, className = '', text = null) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

// An element for text of the log: set apart, so that it turns no other text around.
function said(tag, className, text) {
  const made = make(tag, className, text);
  made.dir = 'auto';
  return made;
}

// The index of the first of `sorted` whose `at` is not before `ms`.
function firstFrom(sorted, ms) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].at < ms) low = middle + 1; else high = middle;
  }
  return low;
}
