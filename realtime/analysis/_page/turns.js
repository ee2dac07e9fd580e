// The list of turns: transcripts, latencies, and the part of each response that was not played.

const turnList = byId('turns');
const FROM = { speech_end: 'after the end of speech', commit: 'after the commit', response_create: 'after response.create', timeout: 'after the timeout' };
const BY = { speech: "interrupted by the user's speech", client: 'interrupted by the client', server: 'interrupted by the server' };

const slowest = turns.flatMap((turn) => turn.responses).find((response) => response.latency_ms === call.slowest_ms);

const chip = (kind, text, title = '') => Object.assign(make('span', `chip ${kind}`, text), { title });

function line(who, name) {
  const row = make('div', `line ${who}`);
  const body = make('div');
  row.append(make('span', 'who', name), body);
  return { row, body };
}

function userLine(user) {
  const { row, body } = line('caller', 'Caller');
  if (user.transcript) body.append(logText('div', 'text', user.transcript));
  else body.append(make('div', 'text none', user.kind === 'text' ? 'text' : 'no transcript'));
  if (user.transcription_error) body.append(chip('error', user.transcription_error));
  return row;
}

// Creates the transcript, with the part that was not played struck out. No event says where in the text
// the audio was truncated; it is estimated from the fraction of the audio that was played.
function transcript(response) {
  const text = response.transcript;
  const body = logText('div', 'text', '');
  const share = response.heard_ms === null || !response.audio_ms ? 1 : response.heard_ms / response.audio_ms;
  if (share >= 0.999) {
    body.textContent = text;
    return body;
  }
  const about = Math.round(text.length * share), space = text.indexOf(' ', about);
  const end = share === 0 ? 0 : space < 0 ? about : space;
  const rest = make('s', 'unheard', text.slice(end));
  rest.title = share === 0 ? 'None of this was played.'
    : `Not played from about here: ${seconds(response.heard_ms)} of ${seconds(response.audio_ms)} were played. Estimated from the audio.`;
  body.append(make('span', '', text.slice(0, end)), rest);
  return body;
}

function chips(response) {
  const row = make('div', 'chips'), latency = response.latency_ms;
  if (latency !== null) {
    const isSlowest = response === slowest && turns.length > 1;
    row.append(chip(isSlowest ? 'latency slowest' : 'latency', `${isSlowest ? 'slowest: ' : ''}${millis(latency)}`,
      `First audio ${FROM[response.latency_from] ?? ''}`));
  }
  if (response.interrupted_by) {
    const played = response.heard_ms === null ? '' : `, ${seconds(response.heard_ms)} of ${seconds(response.audio_ms)} played`;
    row.append(chip('warning', `${BY[response.interrupted_by]}${played}`));
  }
  if (response.overlap_ms) row.append(chip('plain', `${seconds(response.overlap_ms)} while the caller spoke`));
  if (response.gaps) row.append(chip('warning', response.gaps === 1 ? '1 gap' : `${response.gaps} gaps`));
  // Dialects without responses have no response.done.
  const status = response.status ?? (response.created_ms === null ? 'completed' : 'no response.done');
  const reason = response.reason ? `: ${response.reason}` : '';
  if (!response.interrupted_by && status !== 'completed') row.append(chip(status === 'failed' ? 'error' : 'plain', status + reason));
  return row;
}

function callLines(called) {
  const name = called.server ? `${called.server}: ${called.name}` : called.name;
  const took = called.took_ms === null ? 'no output' : `output after ${millis(called.took_ms)}`;
  const lines = [`ƒ ${name}${called.failed ? ', failed' : ''}, ${took}`];
  for (const [label, text] of [['id', called.call_id], ['arguments', called.arguments], ['output', called.output]]) {
    if (text) lines.push(`${label} ${text}`);
  }
  for (const { kind, detail } of called.problems) {
    lines.push(`problem: ${call.problems[kind]}${detail ? `: ${detail}` : ''}`);
  }
  return lines.map((line, index) => logText('div', index ? 'fn-detail' : 'fn', line));
}

function responseLine(response) {
  const { row, body } = line('assistant', 'Assistant');
  if (response.transcript) body.append(transcript(response));
  else if (!response.calls.length) body.append(make('div', 'text none', 'no transcript'));
  for (const called of response.calls) body.append(...callLines(called));
  const row2 = chips(response);
  if (row2.childElementCount) body.append(row2);
  return row;
}

// Creates the lines of a Live delegation: its target, its steps with the time since its start, its calls.
function delegationLine(delegation) {
  const { row, body } = line('assistant', 'Delegation');
  const took = delegation.took_ms === null ? 'not done' : `done after ${millis(delegation.took_ms)}`;
  body.append(logText('div', 'fn', `to ${delegation.target ?? 'unknown'}, ${took}`));
  for (const step of delegation.steps) {
    body.append(logText('div', 'fn-detail', `+${millis(step.at_ms - delegation.at_ms)} ${step.type}${step.text ? `: ${step.text}` : ''}`));
  }
  for (const called of delegation.calls) body.append(...callLines(called));
  return row;
}

const beginOf = (response) => response.first_audio_ms ?? response.first_text_ms ?? response.created_ms ?? 0;

// Creates the lines of a turn's responses and delegations, in order of time if it has any of these.
function answerLines(turn) {
  const responses = turn.responses.map((each) => ({ at: beginOf(each), row: responseLine(each) }));
  const delegations = (turn.delegations ?? []).map((each) => ({ at: each.at_ms, row: delegationLine(each) }));
  if (!delegations.length) return responses.map((each) => each.row);
  return [...responses, ...delegations].sort((one, other) => one.at - other.at).map((each) => each.row);
}

function turnItem(turn) {
  const item = make('li', 'turn');
  const head = make('div', 'turn-head');
  const go = make('button', 'go', clock(turn.start));
  go.type = 'button';
  go.setAttribute('aria-label', `Turn ${turn.number}, at ${clock(turn.start)}: show in the timeline`);
  head.append(make('span', 'count', `${turn.number}`), go);
  if (turn.user && turn.user.end_ms !== null && turn.user.kind !== 'text') {
    head.append(make('span', 'count', `${seconds(turn.user.end_ms - turn.user.start_ms)} of speech`));
  }
  item.append(head);
  if (turn.user) item.append(userLine(turn.user));
  item.append(...answerLines(turn));
  item.addEventListener('click', () => { if (String(getSelection()) === '') pickTurn(turn); });
  return item;
}

const turnItems = turns.map(turnItem);

// Selects a turn, and shows it on the timeline unless it was selected there.
function pickTurn(turn, { isFromTimeline = false } = {}) {
  if (view.turn) turnItems[view.turn.index].classList.remove('picked');
  view.turn = turn;
  const item = turnItems[turn.index];
  item.classList.add('picked');
  turnList.scrollTop = clamp(turnList.scrollTop, item.offsetTop + item.offsetHeight - turnList.offsetTop - turnList.clientHeight, item.offsetTop - turnList.offsetTop);
  if (!isFromTimeline) {
    movePlayhead(turn.start);
    frame(turn.start, turn.end);
  }
  changed();
}

function setUpTurns() {
  turnList.append(...turnItems);
  byId('turns-count').textContent = turns.length ? number.format(turns.length) : '';
  if (!turns.length) turnList.append(make('li', 'empty', 'The log has no turns.'));
}
