/**
 * Whether the phone's line to the exchange still answers: a network that went away without a word leaves its connection open.
 *
 * Law: while an answer is owed, the line is cut and connected anew every `ANSWERS_WITHIN_MS` until one has come.
 */

export const ANSWERS_WITHIN_MS = 4_000

export interface WatchedLine {
  /** Sends something that the exchange answers. */
  ask(): void
  /** Cuts the connection; the line connects anew by itself. */
  cut(): void
}

export class LineWatch {
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(private readonly line: WatchedLine) {}

  /** There is reason for doubt: the sound has stopped, the network changed, the page woke up. */
  doubt(): void {
    if (this.timer !== null) return
    this.owe()
    this.line.ask()
  }

  /** A connection is being made: it has to stand, and be answered on, in time. */
  connecting(): void {
    this.stop()
    this.owe()
  }

  answered(): void {
    this.stop()
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  private owe(): void {
    this.timer = setTimeout(() => {
      this.timer = null
      this.line.cut()
    }, ANSWERS_WITHIN_MS)
  }
}
