/** A service target's time as people say it: so many minutes, hours or days. */
export const UNITS = ['minutes', 'hours', 'days'] as const
export type Unit = (typeof UNITS)[number]

const SECONDS: Readonly<Record<Unit, number>> = { minutes: 60, hours: 3_600, days: 86_400 }

export interface Span {
  amount: number | string
  unit: Unit
}

/** In the largest unit that it is whole in; minutes where there is none. */
export function spanOf(seconds: number): Span {
  const unit = [...UNITS].reverse().find((one) => seconds % SECONDS[one] === 0) ?? 'minutes'
  return { amount: seconds / SECONDS[unit], unit }
}

/** Null for what is no time. */
export function secondsOf(span: Span): number | null {
  const amount = Number(span.amount)
  return span.amount === '' || !Number.isFinite(amount) || amount <= 0 ? null : amount * SECONDS[span.unit]
}
