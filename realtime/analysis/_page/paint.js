// Draws the timeline and its overview map on their canvases. Input is handled in timeline.js.

const lanes = byId('lanes');
const map = byId('map');
const TOP = { ruler: 0, caller: 26, latency: 122, assistant: 154, marks: 256 };
const LANE = 96;
const BETWEEN = 32;
const HEIGHT = 292;
const STEPS = [10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 36e5];
const FONT = '12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", Arial, sans-serif';
const MAX_GAIN = 6;
const PRINTED_PX = 1000;

let colors = {};
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ['card', 'ink', 'soft', 'line', 'faint', 'caller', 'assistant', 'speech', 'answer', 'latency',
    'playhead', 'unheard', 'shade', 'chosen', 'focus', 'error', 'interruption', 'call', 'unknown', 'commit', 'session'];
  colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// --- Sound ---

function readWave(envelope) {
  const text = atob(envelope.data);
  const count = text.length / 3;
  const low = new Float32Array(count), high = new Float32Array(count), rms = new Float32Array(count);
  const signed = (at) => (text.charCodeAt(at) << 24) >> 24;
  const square = (value) => Math.sign(value) * value * value;
  let peak = 0;
  for (let at = 0; at < count; at += 1) {
    low[at] = square(signed(at) / 127);
    high[at] = square(signed(count + at) / 127);
    rms[at] = square(text.charCodeAt(2 * count + at) / 255);
    peak = Math.max(peak, high[at], -low[at]);
  }
  return { count, low, high, rms, binMs: envelope.bin_ms, gain: peak ? Math.min(MAX_GAIN, 1 / peak) : 1 };
}

const waves = { caller: readWave(call.waves.caller), assistant: readWave(call.waves.assistant) };

// Returns minimum, maximum and mean RMS from bin `from` to bin `to`, which may be fractions.
function loudness(wave, from, to) {
  if (to - from < 1) {
    const at = clamp(Math.floor((from + to) / 2 - 0.5), 0, wave.count - 1);
    const next = Math.min(at + 1, wave.count - 1);
    const share = clamp((from + to) / 2 - 0.5 - at, 0, 1);
    const mix = (row) => row[at] * (1 - share) + row[next] * share;
    return [mix(wave.low), mix(wave.high), mix(wave.rms)];
  }
  const last = Math.min(Math.ceil(to), wave.count);
  let low = 0, high = 0, sum = 0;
  const first = Math.max(0, Math.floor(from));
  for (let at = first; at < last; at += 1) {
    if (wave.low[at] < low) low = wave.low[at];
    if (wave.high[at] > high) high = wave.high[at];
    sum += wave.rms[at];
  }
  return [low, high, sum / Math.max(1, last - first)];
}

function paintWave(pen, wave, window, top, height, color) {
  const middle = top + height / 2, scale = (height / 2 - 3) * wave.gain;
  const binsPerPixel = (window.end - window.start) / window.width / wave.binMs;
  const origin = (window.start - full.start) / wave.binMs;
  const peaks = new Path2D(), body = new Path2D();
  const last = Math.min(window.width, Math.ceil((wave.count - origin) / binsPerPixel));
  for (let x = 0; x < last; x += 1) {
    const [low, high, rms] = loudness(wave, origin + x * binsPerPixel, origin + (x + 1) * binsPerPixel);
    peaks.rect(x, middle - high * scale, 1, Math.max(0.6, (high - low) * scale));
    if (rms * scale > 0.4) body.rect(x, middle - rms * scale, 1, 2 * rms * scale);
  }
  pen.fillStyle = color;
  pen.globalAlpha = 0.42;
  pen.fill(peaks);
  pen.globalAlpha = 1;
  pen.fill(body);
}

// --- The canvas ---

function prepared(canvas, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3), width = widthOf(canvas);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  pen.textBaseline = 'middle';
  return { pen, width };
}

// A printed page has a fixed width, to which the picture is scaled.
const isPrinted = () => document.documentElement.classList.contains('printing');
const widthOf = (canvas) => (isPrinted() ? PRINTED_PX : Math.max(1, canvas.clientWidth));
const xOf = (ms) => ((ms - view.start) / spanOf()) * widthOf(lanes);
const msOf = (x) => view.start + (x / widthOf(lanes)) * spanOf();
const isSeen = (start, end) => end >= view.start && start <= view.end;

function box(pen, start, end, top, height, color, least = 1) {
  const left = xOf(Math.max(start, view.start - spanOf())), right = xOf(Math.min(end, view.end + spanOf()));
  pen.fillStyle = color;
  pen.fillRect(left, top, Math.max(least, right - left), height);
  return [left, Math.max(least, right - left)];
}

function upright(pen, x, top, bottom, color, width = 1) {
  pen.fillStyle = color;
  pen.fillRect(Math.round(x - width / 2), top, width, bottom - top);
}

function striped(pen, start, end, top, height, color, name) {
  const [left, width] = box(pen, start, end, top, height, color);
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.strokeStyle = color;
  pen.lineWidth = 2;
  pen.beginPath();
  const from = Math.max(left, -height), to = Math.min(left + width, widthOf(lanes));
  for (let x = from - (from % 9) - height; x < to; x += 9) {
    pen.moveTo(x, top + height);
    pen.lineTo(x + height, top);
  }
  pen.stroke();
  pen.fillStyle = colors.ink;
  const seen = Math.max(left, 0);
  if (left + width - seen > pen.measureText(name).width + 12) pen.fillText(name, seen + 6, top + height - 10);
  pen.restore();
}

// --- Lanes ---

function paintRuler(pen, width) {
  const step = STEPS.find((each) => (each / spanOf()) * width >= 84) ?? 36e5 * Math.ceil(spanOf() / 36e5 / 8);
  pen.textAlign = 'left';
  for (let ms = Math.ceil(view.start / step) * step; ms <= view.end; ms += step) {
    const x = xOf(ms);
    upright(pen, x, 18, HEIGHT, colors.line);
    pen.fillStyle = colors.soft;
    const name = clock(ms);
    pen.fillText(step < 1000 ? name : name.slice(0, -4), x + 4, 10);
  }
}

function paintCaller(pen, width) {
  const top = TOP.caller, middle = top + LANE / 2;
  for (const turn of turns) {
    const user = turn.user;
    if (!user || user.end_ms === null || !isSeen(user.start_ms, user.end_ms)) continue;
    const [left, wide] = box(pen, user.start_ms, user.end_ms, top, LANE, colors.speech);
    pen.fillStyle = colors.caller;
    pen.fillRect(left, top + LANE - 2, wide, 2);
    if (wide > 18 && left > 52) pen.fillText(String(turn.number), left + 5, top + 10);
  }
  pen.fillStyle = colors.line;
  pen.fillRect(0, middle - 0.5, width, 1);
  for (const span of sent) if (isSeen(span.start, span.end)) box(pen, span.start, span.end, middle - 1, 2, colors.caller);
  paintWave(pen, waves.caller, { ...view, width }, top, LANE, colors.caller);
}

function paintAssistant(pen, width) {
  const top = TOP.assistant, middle = top + LANE / 2;
  for (const span of heard) {
    if (isSeen(span.start, span.end)) box(pen, span.start, span.end, top, LANE, colors.answer);
  }
  pen.fillStyle = colors.line;
  pen.fillRect(0, middle - 0.5, width, 1);
  for (const span of heard) if (isSeen(span.start, span.end)) box(pen, span.start, span.end, middle - 1, 2, colors.assistant);
  for (const turn of turns) for (const response of turn.responses) paintResponse(pen, response, top);
  for (const gap of call.gaps) {
    if (isSeen(gap.at_ms, gap.at_ms + gap.gap_ms)) {
      striped(pen, gap.at_ms, gap.at_ms + gap.gap_ms, top + 6, LANE - 6, colors.unheard, `gap ${millis(gap.gap_ms)}`);
    }
  }
  paintWave(pen, waves.assistant, { ...view, width }, top, LANE, colors.assistant);
}

// Draws when a response was generated, above its audio, and the audio that was never played.
function paintResponse(pen, response, top) {
  const { created_ms: created, done_ms: done } = response;
  if (created !== null && done !== null && isSeen(created, done)) box(pen, created, done, top, 4, colors.assistant, 2);
  const span = response.id === null ? null : heardOf.get(response.id);
  const lost = response.heard_ms === null ? 0 : response.audio_ms - response.heard_ms;
  if (!span || lost < 1 || !isSeen(span.end, span.end + lost)) return;
  const next = heard.find((other) => other.start >= span.end);
  striped(pen, span.end, Math.min(span.end + lost, next?.start ?? full.end), top + 6, LANE - 6, colors.unheard, 'not played');
}

function latencies() {
  const found = [];
  for (const turn of turns) for (const { latency_ms: latency, first_audio_ms: first } of turn.responses) {
    if (latency !== null && first !== null && isSeen(first - latency, first)) {
      found.push({ left: xOf(first - latency), right: xOf(first), name: millis(latency) });
    }
  }
  return found;
}

// Draws a bracket from the end of speech to the first audio, with its length; a tick if there is no room.
function paintLatencies(pen, width) {
  const top = TOP.latency, middle = top + BETWEEN / 2;
  pen.lineWidth = 1.5;
  pen.strokeStyle = colors.latency;
  latencies().forEach(({ left, right, name }, at, all) => {
    const before = all[at - 1]?.right ?? -Infinity, next = all[at + 1]?.left ?? width;
    if (right - left < 4 && Math.min(left - before, next - right) < 14) {
      upright(pen, left, middle - 6, middle + 6, colors.latency);
      return;
    }
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left, middle);
    pen.lineTo(right, middle);
    pen.lineTo(right, top + BETWEEN);
    pen.stroke();
    const size = pen.measureText(name).width, fits = right - left > size + 10;
    const start = fits ? (left + right - size) / 2 : right + 5;
    if (!fits && start + size > next - 3) return;
    pen.fillStyle = colors.card;
    pen.fillRect(start - 3, middle - 7, size + 6, 14);
    pen.fillStyle = colors.latency;
    pen.fillText(name, start, middle + 0.5);
  });
}

// --- Marks ---

const SHAPES = {
  triangle: (path, x, y) => { path.moveTo(x, y - 6); path.lineTo(x + 6, y + 5); path.lineTo(x - 6, y + 5); path.closePath(); },
  play: (path, x, y) => { path.moveTo(x - 4, y - 5); path.lineTo(x + 5, y); path.lineTo(x - 4, y + 5); path.closePath(); },
  diamond: (path, x, y) => { path.moveTo(x, y - 5); path.lineTo(x + 5, y); path.lineTo(x, y + 5); path.lineTo(x - 5, y); path.closePath(); },
  square: (path, x, y) => path.rect(x - 4.5, y - 4.5, 9, 9),
  bar: (path, x, y) => { path.rect(x - 4.5, y - 6, 3, 12); path.rect(x + 1.5, y - 6, 3, 12); },
  tick: (path, x, y) => path.rect(x - 1, y - 6, 2, 12),
  dot: (path, x, y) => path.arc(x, y, 4, 0, 7),
  ring: (path, x, y) => { path.arc(x, y, 5, 0, 7); path.arc(x, y, 2.4, 7, 0, true); },
  cross: (path, x, y) => { path.rect(x - 6, y - 1.5, 12, 3); path.rect(x - 1.5, y - 6, 3, 12); },
};

function paintShape(pen, kind, x, y) {
  const path = new Path2D();
  SHAPES[KINDS[kind].shape](path, x, y);
  pen.fillStyle = colors[KINDS[kind].color];
  pen.fill(path, 'evenodd');
}

// Of marks that would overlap, only the most important is drawn.
function paintMarks(pen, width) {
  const middle = TOP.marks + 18, places = new Map();
  for (let at = firstFrom(marks, view.start); at < marks.length && marks[at].at <= view.end; at += 1) {
    const x = xOf(marks[at].at), place = Math.round(x / 11), kind = kindOf(marks[at]), found = places.get(place);
    if (!found || ORDER.indexOf(kind) < ORDER.indexOf(found.kind)) places.set(place, { kind, x });
  }
  pen.fillStyle = colors.faint;
  pen.fillRect(0, TOP.marks, width, HEIGHT - TOP.marks);
  for (const { kind, x } of places.values()) {
    if (kind === 'error' || kind === 'interruption') {
      pen.globalAlpha = 0.55;
      upright(pen, x, TOP.caller, TOP.marks, colors[KINDS[kind].color]);
      pen.globalAlpha = 1;
    }
    paintShape(pen, kind, x, middle);
  }
  if (view.event) {
    pen.strokeStyle = colors.focus;
    pen.lineWidth = 2;
    pen.strokeRect(xOf(view.event.at) - 8, middle - 9, 16, 18);
  }
}

function paintPlayhead(pen) {
  const x = xOf(view.playhead);
  upright(pen, x, 0, HEIGHT, colors.playhead, 2);
  pen.beginPath();
  pen.moveTo(x - 6, 0);
  pen.lineTo(x + 6, 0);
  pen.lineTo(x, 8);
  pen.fill();
}

// For print only; on screen they are HTML elements.
function paintNames(pen) {
  pen.fillStyle = colors.caller;
  pen.fillText('Caller', 4, TOP.caller + 10);
  pen.fillStyle = colors.assistant;
  pen.fillText('Assistant', 4, TOP.assistant + LANE - 10);
}

function paintLanes() {
  const { pen, width } = prepared(lanes, HEIGHT);
  if (view.turn) box(pen, view.turn.start, view.turn.end, TOP.caller, TOP.marks - TOP.caller, colors.chosen);
  paintRuler(pen, width);
  paintCaller(pen, width);
  paintAssistant(pen, width);
  paintLatencies(pen, width);
  paintMarks(pen, width);
  if (isPrinted()) paintNames(pen);
  if (view.pointer !== null) upright(pen, view.pointer, 18, HEIGHT, colors.soft);
  paintPlayhead(pen);
}

// --- The overview map: the complete call, and the part of it that is shown ---

let ground = null; // the part of the picture that does not depend on the view

function paintMap() {
  const { pen, width } = prepared(map, 40);
  if (ground === null || ground.width !== map.width) {
    ground = Object.assign(document.createElement('canvas'), { width: map.width, height: map.height });
    const under = ground.getContext('2d');
    under.setTransform(pen.getTransform());
    under.fillStyle = colors.faint;
    under.fillRect(0, 0, width, 40);
    const all = { start: full.start, end: full.end, width };
    paintWave(under, waves.caller, all, 0, 20, colors.caller);
    paintWave(under, waves.assistant, all, 20, 20, colors.assistant);
  }
  pen.save();
  pen.resetTransform();
  pen.drawImage(ground, 0, 0);
  pen.restore();
  const share = (ms) => ((ms - full.start) / (full.end - full.start)) * width;
  const left = share(view.start), right = share(view.end);
  if (!isShowingAll()) {
    pen.fillStyle = colors.shade;
    pen.fillRect(0, 0, left, 40);
    pen.fillRect(right, 0, width - right, 40);
  }
  pen.strokeStyle = colors.focus;
  pen.lineWidth = 1.5;
  pen.strokeRect(left + 0.75, 0.75, Math.max(3, right - left - 1.5), 38.5);
  upright(pen, share(view.playhead), 0, 40, colors.playhead, 1);
}

function repaint() {
  readColors();
  ground = null;
  changed();
}
