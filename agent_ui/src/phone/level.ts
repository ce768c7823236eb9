/** How loud a microphone hears, for a meter that people can read. */

const QUIETEST_DB = -60
const PERIOD_MS = 80

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
    analyser.fftSize = 1024
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    this.context = context
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      tell(levelOf(samples))
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
