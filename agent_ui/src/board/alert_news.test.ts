import { describe, expect, it } from 'vitest'

import type { AlertDocument } from '@/api/documents'

import { figuresOf, inOrder, newsOf } from './alert_news'

function alert(number: number, more: Partial<AlertDocument> = {}): AlertDocument {
  return {
    number,
    alert_id: 'long',
    kind: 'waiting',
    label: { zh: '排队过多', en: 'Many wait' },
    subject_kind: 'queue',
    subject: 'sales',
    subject_label: { zh: '销售', en: 'Sales' },
    threshold: 5,
    value: 7,
    on_board: true,
    raised_at: '2026-11-21T12:00:00Z',
    acknowledged_at: null,
    acknowledged_by: null,
    cleared_at: null,
    gone: false,
    ...more,
  }
}

const LOOKED_AFTER = { acknowledged_at: '2026-11-21T12:01:00Z', acknowledged_by: 'super' }

describe('new alerts', () => {
  it('are none when the page comes, and afterwards each once', () => {
    const first = newsOf([alert(3), alert(4)], null)
    expect(first).toEqual({ news: [], seen: 4 })
    const second = newsOf([alert(4), alert(5)], first.seen)
    expect(second.news.map((one) => one.number)).toEqual([5])
    expect(newsOf([alert(4), alert(5)], second.seen).news).toEqual([])
    expect(newsOf([], second.seen)).toEqual({ news: [], seen: 5 })
  })

  it('are none that somebody looks after already', () => {
    expect(newsOf([alert(9, LOOKED_AFTER)], 4).news).toEqual([])
  })
})

describe('the bar', () => {
  it('has first what nobody looks after, the newest first', () => {
    const rows = [alert(1), alert(2, LOOKED_AFTER), alert(3)]
    expect(inOrder(rows).map((one) => one.number)).toEqual([3, 1, 2])
  })

  it('says times as times and figures as figures', () => {
    expect(figuresOf(alert(1))).toEqual({ value: '7', threshold: '5' })
    expect(figuresOf(alert(1, { kind: 'longest_wait', value: 190, threshold: 180 }))).toEqual({
      value: '3:10',
      threshold: '3:00',
    })
    expect(figuresOf(alert(1, { kind: 'trunk_down', value: null })).value).toBe('')
  })
})
