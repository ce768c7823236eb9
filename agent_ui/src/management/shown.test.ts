import { describe, expect, it } from 'vitest'

import { optionOf } from './charts'
import { averages, percent, periodName, usualSpan } from './shown'

describe('what management is shown', () => {
  it('names periods by their first day', () => {
    expect(periodName('2026-04-01', 'quarter')).toBe('2026 Q2')
    expect(periodName('2026-04-01', 'month')).toBe('2026-04')
    expect(periodName('2026-01-01', 'year')).toBe('2026')
    expect(periodName('2026-03-30', 'week')).toBe('2026-03-30')
  })

  it('begins with twelve months, this one included', () => {
    expect(usualSpan('2026-11-22')).toEqual({ from: '2025-12-01', to: '2026-11-22' })
    expect(usualSpan('2026-12-31').from).toBe('2026-01-01')
  })

  it('says nothing where a rate is unknown', () => {
    expect(percent(null)).toBe('–')
    expect(percent(0.1234)).toBe('12.3 %')
  })

  it('averages over customers, not over classes', () => {
    const row = { end: '', revenue: 0, service_minutes: 0 }
    const chart = averages(
      {
        currency: 'CNY',
        margin: 1,
        cost_per_minute: 0,
        counted_at: '2026-11-22T09:00:00Z',
        counting: null,
        items: [
          { ...row, start: '2026-01-01', value_class: 'A', customers: 1, profit: 100, average_profit: 100 },
          { ...row, start: '2026-01-01', value_class: 'C', customers: 9, profit: 0, average_profit: 0 },
        ],
      },
      'month',
      (name) => name,
      'all',
    )
    expect(chart.series.map((one) => one.name)).toEqual(['A', 'C', 'all'])
    expect(chart.series[2]?.values).toEqual([10])
  })

  it('keeps tooltips free of markup', () => {
    const option = optionOf({ labels: ['a'], series: [] }, () => '#000')
    expect(option).toMatchObject({ tooltip: { renderMode: 'richText' } })
  })
})
