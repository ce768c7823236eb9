/** Times as the clocks of a named zone show them; the browser's own zone plays no part. */

function shownIn(zone: string, at: Date): string {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' })
      .formatToParts(at)
      .map((part) => [part.type, part.value]),
  )
  return `${parts['year']}-${parts['month']}-${parts['day']}T${parts['hour']}:${parts['minute']}`
}

/** `2026-11-22T09:30` in that zone; empty for no time or no such zone. */
export function toZone(at: string, zone: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return ''
  try {
    return shownIn(zone, date)
  } catch {
    return ''
  }
}

/** The moment at which that zone's clocks show `local` (`2026-11-22T09:30`); null for nothing, nonsense, or a time they leave out. */
export function fromZone(local: string, zone: string): string | null {
  const asUtc = new Date(`${local}Z`)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(local) || Number.isNaN(asUtc.getTime())) return null
  let guess = asUtc.getTime()
  // Twice: the first step may land on the other side of a change of the clocks.
  for (let turn = 0; turn < 2; turn += 1) {
    const shown = toZone(new Date(guess).toISOString(), zone)
    if (shown === '') return null
    guess += asUtc.getTime() - new Date(`${shown}Z`).getTime()
  }
  const found = new Date(guess).toISOString()
  return toZone(found, zone) === local ? found : null
}

/** The day it is there: `2026-11-22`; empty where there is no such zone. */
export function dayIn(zone: string, at: Date): string {
  return toZone(at.toISOString(), zone).slice(0, 10)
}

/** When that day began there; where the clocks leave midnight out, an hour later. */
export function beginOfDay(day: string, zone: string): string | null {
  return fromZone(`${day}T00:00`, zone) ?? fromZone(`${day}T01:00`, zone)
}
