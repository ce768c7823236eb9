/** How loud a microphone hears, for a meter that people can read. */

const QUIETEST_DB = -60
const PERIOD_MS = 80
/** Longer than the period, so that no sound is missed. */
const SAMPLES = 4_096
/** What the meter falls by in one period: a short word stays readable. */
const FALL = 0.04

/** From the samples of a moment (-1 to 1) the share of the meter that is filled, 0 to 1, linear in decibels. */
export function levelOf(samples: Float32Array): number {
  if (samples.length === 0) return 0
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const rms = Math.sqrt(sum / samples.length)
  if (rms === 0) return 0
  const decibels = 20 * Math.log10(rms)
  return Math.min(1, Math.max(0, 1 - decibels / QUIETEST_DB))
}

/** Tells the level of a stream until it is stopped. */
export class LevelMeter {
  private context: AudioContext | null = null
  private timer: ReturnType<typeof setInterval> | null = null

  start(stream: MediaStream, tell: (level: number) => void): void {
    this.stop()
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = SAMPLES
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    this.context = context
    let shown = 0
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      shown = Math.max(levelOf(samples), shown - FALL, 0)
      tell(shown)
    }, PERIOD_MS)
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
    const context = this.context
    this.context = null
    context?.close().catch(() => undefined)
  }
}
