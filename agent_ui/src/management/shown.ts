/** How management's figures are put into words and pictures. */
import type { Chart } from './charts'
import type { PeriodKind, Profits } from './management_api'

export function percent(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(1)} %`
}

/** The last twelve months up to `today` (`2026-11-22`), this one included. */
export function usualSpan(today: string): { from: string; to: string } {
  const [year = 2000, month = 1] = today.split('-').map(Number)
  return { from: new Date(Date.UTC(year, month - 12, 1)).toISOString().slice(0, 10), to: today }
}

/** A period by its first day: 2026-03-01 is 2026-03, 2026 Q1 or 2026; of a week the day itself. */
export function periodName(start: string, by: PeriodKind): string {
  const [year = '', month = '01'] = start.split('-')
  if (by === 'year') return year
  if (by === 'quarter') return `${year} Q${Math.floor((Number(month) - 1) / 3) + 1}`
  return by === 'month' ? `${year}-${month}` : start
}

const COLOURS: Readonly<Record<string, string>> = { A: '--good', B: '--info', C: '--warn', '': '--text-2' }

/** Average profit by class and of all, period by period. */
export function averages(profits: Profits | null, by: PeriodKind, nameOf: (name: string) => string, all: string): Chart {
  const items = profits?.items ?? []
  const starts = [...new Set(items.map((one) => one.start))]
  const classes = [...new Set(items.map((one) => one.value_class))].sort((a, b) => (a || 'z').localeCompare(b || 'z'))
  const total = starts.map((start) => {
    const mine = items.filter((one) => one.start === start)
    const customers = mine.reduce((sum, one) => sum + one.customers, 0)
    return customers === 0 ? null : mine.reduce((sum, one) => sum + one.profit, 0) / customers
  })
  return {
    labels: starts.map((start) => periodName(start, by)),
    series: [
      ...classes.map((name) => ({
        name: nameOf(name),
        kind: 'line' as const,
        colour: COLOURS[name] ?? '--text-2',
        values: starts.map((start) => items.find((one) => one.start === start && one.value_class === name)?.average_profit ?? null),
      })),
      { name: all, kind: 'line' as const, colour: '--accent', dashed: true, values: total },
    ],
  }
}
