/** Durations as people read them: 0:07, 12:34, 1:02:03. */

/** Whole seconds between two moments, never negative; null when `since` is unknown. */
export function secondsBetween(since: string | null, nowMs: number): number | null {
  if (since === null) return null
  const start = Date.parse(since)
  if (Number.isNaN(start)) return null
  return Math.max(0, Math.floor((nowMs - start) / 1_000))
}

/** Whole seconds left until a moment, never negative; null when `until` is unknown. */
export function secondsUntil(until: string | null, nowMs: number): number | null {
  if (until === null) return null
  const end = Date.parse(until)
  if (Number.isNaN(end)) return null
  return Math.max(0, Math.floor((end - nowMs) / 1_000))
}

/** A range of waits, shorter where both ends read the same; an en dash for an unknown one. */
export function formatRange(low: number | null, high: number | null): string {
  if (low === null || high === null) return '–'
  const [from, to] = [formatDuration(low), formatDuration(high)]
  return from === to ? from : `${from}–${to}`
}

/** Seconds as `m:ss` or `h:mm:ss`; an en dash for an unknown value. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '–'
  const whole = Math.max(0, Math.round(seconds))
  const hours = Math.floor(whole / 3_600)
  const minutes = Math.floor(whole / 60) % 60
  const rest = String(whole % 60).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}
