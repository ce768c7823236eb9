/** The tone of a new alert, made by the sound card and needing no file. */
const TONES_HZ = [880, 660]
const TONE_SECONDS = 0.18
const LOUDNESS = 0.08

/** Two short tones; a browser that lets no page sound before it was touched stays silent. */
export function chime(): void {
  let context: AudioContext
  try {
    context = new AudioContext()
  } catch {
    return
  }
  const loudness = context.createGain()
  loudness.gain.value = LOUDNESS
  loudness.connect(context.destination)
  TONES_HZ.forEach((frequency, index) => {
    const tone = context.createOscillator()
    tone.frequency.value = frequency
    tone.connect(loudness)
    tone.start(context.currentTime + index * TONE_SECONDS)
    tone.stop(context.currentTime + (index + 1) * TONE_SECONDS)
    if (index === TONES_HZ.length - 1) tone.onended = () => void context.close().catch(() => undefined)
  })
}
