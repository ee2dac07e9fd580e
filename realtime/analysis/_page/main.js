// The header, and the set-up of all parts.

function setUpHeader() {
  document.title = `${call.title}: a call`;
  byId('title').textContent = call.title;
  for (const { label, value, note, tone } of call.facts) {
    const box = make('div', tone);
    box.append(make('dt', '', label), logText('dd', 'value', value));
    if (note) box.append(Object.assign(logText('dd', 'note', note), { title: note }));
    byId('facts').append(box);
  }
  for (const [name, value] of call.details) {
    const box = make('div');
    box.append(make('dt', '', name), logText('dd', '', value));
    byId('details').append(box);
  }
  byId('notes').hidden = call.notes.length === 0;
  byId('notes').append(...call.notes.map((note) => logText('li', '', note)));
}

// Lists the kinds of marks that this call has.
function setUpLegend() {
  const found = new Set(marks.map(kindOf));
  byId('legend').replaceChildren();
  for (const kind of ORDER.filter((each) => found.has(each))) {
    const sign = Object.assign(document.createElement('canvas'), { width: 24, height: 24 });
    const pen = sign.getContext('2d');
    pen.scale(2, 2);
    paintShape(pen, kind, 6, 6);
    const item = make('li', '', null);
    item.append(sign, KINDS[kind].name);
    byId('legend').append(item);
  }
}

function redraw() {
  repaint();
  setUpLegend();
}

function printing(isPrinting) {
  document.documentElement.classList.toggle('printing', isPrinting);
  repaint();
  paintLanes();
  paintRows();
}

readColors();
setUpHeader();
setUpLegend();
setUpTurns();
setUpEvents();
setUpSound();
watch(paintLanes);
watch(paintMap);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
addEventListener('beforeprint', () => printing(true));
addEventListener('afterprint', () => printing(false));
new ResizeObserver(changed).observe(stage);
changed();
document.documentElement.dataset.ready = 'yes';
