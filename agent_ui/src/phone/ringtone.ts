/** The ringing of the browser's phone, made by the sound card and needing no file. */

import { playOn } from './devices'

const PERIOD_MS = 3_000
const RING_SECONDS = 1
const TONES_HZ = [440, 480]
const LOUDNESS = 0.06

export class Ringtone {
  private context: AudioContext | null = null
  private timer: ReturnType<typeof setInterval> | null = null

  /** Rings on this loudspeaker; null: on the browser's own. */
  start(deviceId: string | null = null): void {
    if (this.timer !== null) return
    this.context = new AudioContext()
    void playOn(this.context as AudioContext & { setSinkId?: (id: string) => Promise<void> }, deviceId)
    this.ring()
    this.timer = setInterval(() => this.ring(), PERIOD_MS)
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
    const context = this.context
    this.context = null
    context?.close().catch(() => undefined)
  }

  private ring(): void {
    const context = (this.context ??= new AudioContext())
    const loudness = context.createGain()
    loudness.gain.value = LOUDNESS
    loudness.connect(context.destination)
    for (const frequency of TONES_HZ) {
      const tone = context.createOscillator()
      tone.frequency.value = frequency
      tone.connect(loudness)
      tone.start()
      tone.stop(context.currentTime + RING_SECONDS)
    }
  }
}
