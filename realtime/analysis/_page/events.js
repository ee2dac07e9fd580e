// The list of events and its filters. Only visible rows are in the document, as there may be thousands.

const list = byId('events');
const rowsBox = byId('rows');
const ROW_PX = 26;
const MAX_PRINTED_ROWS = 300;
const MAX_TYPES = 200;
const gap = call.events_left_out
  ? { isGap: true, text: `${number.format(call.events_left_out)} rows were left out here` } : null;
let shown = [];

function sizes(event) {
  const parts = [];
  if (event.count > 1) parts.push(`${number.format(event.count)}×`);
  if (event.audioMs) parts.push(millis(event.audioMs));
  return parts.join(' ');
}

function rowOf(event, at) {
  const row = make('div', event.isGap ? 'row gap' : `row kind-${event.kind} from-${event.side ? 'server' : 'client'}`);
  row.style.top = `${at * ROW_PX}px`;
  if (event.isGap) {
    row.textContent = event.text;
    return row;
  }
  row.id = `row-${event.index}`;
  row.setAttribute('role', 'option');
  row.setAttribute('aria-setsize', shown.length);
  row.setAttribute('aria-posinset', at + 1);
  row.setAttribute('aria-selected', view.event === event);
  if (view.event === event) row.classList.add('picked');
  const way = make('span', 'way', event.side ? '↓' : '↑');
  way.title = event.side ? 'from the server' : 'from the client';
  row.append(make('span', 'at', clock(event.at)), way, logText('span', 'type', event.type),
    logText('span', 'cell', [sizes(event), event.text].filter(Boolean).join('  ')));
  row.addEventListener('click', () => pickEvent(event));
  return row;
}

function paintRows() {
  const first = isPrinted() ? 0 : Math.max(0, Math.floor(list.scrollTop / ROW_PX) - 4);
  const last = isPrinted() ? MAX_PRINTED_ROWS : Math.ceil((list.scrollTop + list.clientHeight) / ROW_PX) + 4;
  rowsBox.style.height = `${shown.length * ROW_PX}px`;
  rowsBox.replaceChildren(...shown.slice(first, last).map((event, at) => rowOf(event, first + at)));
  if (!shown.length) rowsBox.append(make('p', 'empty', events.length ? 'No event matches.' : 'The log has no events.'));
  const more = shown.length - MAX_PRINTED_ROWS;
  if (isPrinted() && more > 0) rowsBox.append(make('p', 'empty', `${number.format(more)} more are not printed.`));
  list.setAttribute('aria-activedescendant', view.event ? `row-${view.event.index}` : '');
}

// --- Filters ---

function filtered() {
  const text = byId('filter-text').value.trim().toLowerCase();
  const side = byId('filter-side').value, type = byId('filter-type').value;
  const fits = (event) => (side === '' || event.side === Number(side)) && (type === '' || event.type === type)
    && (text === '' || event.type.toLowerCase().includes(text) || event.text.toLowerCase().includes(text));
  shown = events.filter(fits);
  const count = shown.length;
  if (gap && count === events.length) shown.splice(call.events_gap_at, 0, gap);
  byId('events-count').textContent = count === events.length
    ? number.format(count) : `${number.format(count)} of ${number.format(events.length)}`;
  list.scrollTop = 0;
  paintRows();
}

function addTypes() {
  const counts = new Map();
  for (const event of events) counts.set(event.type, (counts.get(event.type) ?? 0) + event.count);
  const often = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MAX_TYPES);
  for (const [type, count] of often.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    byId('filter-type').append(Object.assign(make('option', '', `${type} (${number.format(count)})`), { value: type }));
  }
}

// --- One event ---

function facts(event) {
  const found = [['Type', event.type], ['Sent by', event.side ? 'the server' : 'the client']];
  found.push(['Time', event.end > event.at ? `${clock(event.at)} to ${clock(event.end)}` : clock(event.at)]);
  if (event.count > 1) found.push(['Frames', number.format(event.count)]);
  if (event.audioMs) found.push(['Audio', `${millis(event.audioMs)}, ${number.format(event.nbytes)} bytes`]);
  else if (event.nbytes) found.push(['Size', `${number.format(event.nbytes)} bytes`]);
  found.push(['Line', number.format(event.line)]);
  if (event.text) found.push(['Content', event.text]);
  return found;
}

function scrollToEvent(event) {
  const at = shown.indexOf(event);
  if (at < 0) return;
  list.scrollTop = clamp(list.scrollTop, (at + 1) * ROW_PX - list.clientHeight, at * ROW_PX);
}

// Selects an event, and shows it on the timeline unless it was selected there.
function pickEvent(event, { isFromTimeline = false } = {}) {
  view.event = event;
  byId('event').replaceChildren(...facts(event).flatMap(([name, value]) => [make('dt', '', name), logText('dd', '', value)]));
  if (isFromTimeline && !shown.includes(event)) clearFilters();
  scrollToEvent(event);
  paintRows();
  if (!isFromTimeline) movePlayhead(event.at);
  reveal(event.at);
}

function clearFilters() {
  for (const name of ['filter-text', 'filter-side', 'filter-type']) byId(name).value = '';
  filtered();
}

function stepEvent(step) {
  const at = view.event ? shown.indexOf(view.event) : -1;
  let next = at < 0 ? 0 : clamp(at + step, 0, shown.length - 1);
  if (shown[next]?.isGap) next = clamp(next + Math.sign(step), 0, shown.length - 1);
  if (shown[next] && !shown[next].isGap) pickEvent(shown[next]);
}

const STEPS_OF = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity };

function setUpEvents() {
  addTypes();
  if (events.length) byId('event').append(make('dt', '', 'Select an event to read it here.'));
  list.addEventListener('scroll', () => requestAnimationFrame(paintRows), { passive: true });
  list.addEventListener('keydown', (event) => {
    if (!(event.key in STEPS_OF) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    stepEvent(clamp(STEPS_OF[event.key], -shown.length, shown.length));
  });
  for (const name of ['filter-text', 'filter-side', 'filter-type']) byId(name).addEventListener('input', filtered);
  filtered();
}
