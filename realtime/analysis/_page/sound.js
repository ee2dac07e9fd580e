// The audio of the call, where the page has it, and the hand that shows where it is.
//
// Sample 0 of the audio lies at the start of the time line.

const sound = byId('sound');
const playButton = byId('play');
const hasSound = sound.hasAttribute('src');

function showHand() {
  byId('clock').textContent = `${clock(view.hand)} / ${clock(whole.end)}`;
}

// Put the hand at `ms`; the audio goes on from there.
function moveHand(ms) {
  view.hand = clamp(ms, whole.start, whole.end);
  if (hasSound && sound.readyState > 0) sound.currentTime = (view.hand - whole.start) / 1000;
  showHand();
  changed();
}

function follow() {
  if (sound.paused) return;
  view.hand = Math.min(whole.end, whole.start + sound.currentTime * 1000);
  if (view.hand > view.end || view.hand < view.start) reveal(view.hand);
  showHand();
  changed();
  requestAnimationFrame(follow);
}

function togglePlay() {
  if (!hasSound) return;
  if (!sound.paused) return sound.pause();
  if (sound.ended || view.hand >= whole.end) moveHand(whole.start);
  sound.play().catch((why) => { byId('clock').textContent = why.name; });
}

function showState() {
  document.body.classList.toggle('playing', !sound.paused);
  byId('play-name').textContent = sound.paused ? 'Play' : 'Pause';
  if (!sound.paused) requestAnimationFrame(follow);
}

function setUpSound() {
  showHand();
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
  sound.addEventListener('loadedmetadata', () => moveHand(view.hand));
}
