/** Moments as an input of the kind `datetime-local` has them: in the browser's own time, without seconds. */
function two(number: number): string {
  return String(number).padStart(2, '0')
}

/** `2026-11-22T09:30`; empty for none. */
export function toLocalInput(at: string | null): string {
  if (at === null) return ''
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return ''
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`
}

/** The moment in UTC; null for nothing or nonsense. */
export function fromLocalInput(text: string): string | null {
  if (text === '') return null
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
