// Playback of the call's audio, if the page has it, and the playhead.
//
// Sample 0 of the audio lies at the start of the timeline.

const sound = byId('sound');
const playButton = byId('play');
const hasSound = sound.hasAttribute('src');

function showPlayhead() {
  byId('clock').textContent = `${clock(view.playhead)} / ${clock(full.end)}`;
}

// Moves the playhead to `ms`. Playback continues from there.
function movePlayhead(ms) {
  view.playhead = clamp(ms, full.start, full.end);
  if (hasSound && sound.readyState > 0) sound.currentTime = (view.playhead - full.start) / 1000;
  showPlayhead();
  changed();
}

function follow() {
  if (sound.paused) return;
  view.playhead = Math.min(full.end, full.start + sound.currentTime * 1000);
  if (view.playhead > view.end || view.playhead < view.start) reveal(view.playhead);
  showPlayhead();
  changed();
  requestAnimationFrame(follow);
}

function togglePlay() {
  if (!hasSound) return;
  if (!sound.paused) return sound.pause();
  if (sound.ended || view.playhead >= full.end) movePlayhead(full.start);
  sound.play().catch((why) => { byId('clock').textContent = why.name; });
}

function showState() {
  document.body.classList.toggle('playing', !sound.paused);
  byId('play-name').textContent = sound.paused ? 'Play' : 'Pause';
  if (!sound.paused) requestAnimationFrame(follow);
}

function setUpSound() {
  showPlayhead();
  playButton.disabled = !hasSound;
  if (!hasSound) {
    playButton.title = 'This page was written without the audio of the call.';
    byId('play-name').textContent = 'No audio';
    byId('speed').hidden = true;
    byId('space-key').hidden = true;
    return;
  }
  playButton.addEventListener('click', togglePlay);
  byId('speed').addEventListener('change', (event) => { sound.playbackRate = Number(event.target.value); });
  for (const name of ['play', 'pause', 'ended']) sound.addEventListener(name, showState);
  sound.addEventListener('loadedmetadata', () => movePlayhead(view.playhead));
}
