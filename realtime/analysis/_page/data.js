// The data of the call, and helpers that all parts of the page use.
//
// `page_model` in page.py makes `call` and documents its members. They come from a log and may be
// hostile: they are put into the document only as textContent.

const byId = (id) => document.getElementById(id);
const call = JSON.parse(byId('data').textContent);
const full = { start: call.start_ms, end: call.end_ms };

// Arrays of the data as objects.
const events = call.events.map(([at, end, side, type, kind, text, line, count, nbytes, audioMs, isFirst], index) =>
  ({ index, at, end, side, type, kind, text, line, count, nbytes, audioMs, isFirst }));
const heard = call.heard.map(([start, end, response]) => ({ start, end, response }));
const sent = call.sent.map(([start, end]) => ({ start, end }));

const heardOf = new Map();
for (const span of heard) {
  const before = heardOf.get(span.response);
  heardOf.set(span.response, before ? { start: before.start, end: Math.max(before.end, span.end) } : span);
}

// Each turn with its range: from the start of the user's input to the end of the responses' audio.
const turns = call.turns.map((turn, index) => {
  const times = [turn.at_ms];
  if (turn.user) times.push(turn.user.start_ms, turn.user.end_ms);
  for (const response of turn.responses) {
    const span = response.id === null ? null : heardOf.get(response.id);
    times.push(response.asked_ms, response.created_ms, response.first_audio_ms, response.last_audio_ms, response.done_ms,
      span?.start, span?.end);
  }
  for (const delegation of turn.delegations ?? []) times.push(delegation.at_ms, delegation.done_ms);
  const known = times.filter(Number.isFinite);
  const start = turn.user ? Math.min(turn.user.start_ms, turn.at_ms) : Math.min(...known);
  return { ...turn, index, start, end: Math.max(...known, start + 1) };
});

// Marks on the timeline: name, colour variable and shape of each kind. Earlier kinds are drawn on top.
const KINDS = {
  error: { name: 'error', color: 'error', shape: 'triangle' },
  broken: { name: 'broken', color: 'error', shape: 'cross' },
  interruption: { name: 'interruption', color: 'interruption', shape: 'bar' },
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
// Sorted by time; a log may be out of order.
const marks = events.filter((event) => kindOf(event) in KINDS).sort((one, other) => one.at - other.at);

const two = (number) => String(number).padStart(2, '0');

// Formats milliseconds as m:ss.mmm, or h:mm:ss.mmm.
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

// Creates an element with a class and text. It never parses markup.
function make(tag, className = '', text = null) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

// Creates an element for text of the log, isolated so that its direction does not affect other text.
function logText(tag, className, text) {
  const made = make(tag, className, text);
  made.dir = 'auto';
  return made;
}

// Returns the index of the first element of `sorted` at or after `ms`.
function firstFrom(sorted, ms) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].at < ms) low = middle + 1; else high = middle;
  }
  return low;
}
