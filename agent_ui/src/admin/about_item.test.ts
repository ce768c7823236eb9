import { describe, expect, it } from 'vitest'

import { aboutItem } from './about_item'
import type { Form } from './admin_api'

const words = { label: (text: { zh: string; en: string }) => text.en, t: (key: string, values?: Readonly<Record<string, unknown>>) => `${key.split('.').at(-1)}${values === undefined ? '' : ` ${String(values['days'])}`}` }
const forms = [{ part: 'alerts', fields: [{ name: 'kind', choices: [{ value: 'waiting', label: { zh: '等待', en: 'more wait' } }] }] }] as unknown as Form[]

describe('what a list says of an item', () => {
  it('puts days in a row that are alike together, and leaves closed ones out', () => {
    const day = ['09:00-18:00']
    const week = { mon: day, tue: day, wed: [], thu: ['10:00-12:00', '13:00-15:00'], fri: [], sat: [], sun: day }
    expect(aboutItem('hours', { timezone: 'UTC', week }, forms, words)).toBe('UTC · mon – tue 09:00-18:00, thu 10:00-12:00, 13:00-15:00, sun 09:00-18:00')
  })

  it('says choices, times and days in words, and nothing of what is not set', () => {
    expect(aboutItem('alerts', { kind: 'waiting', queue: null, threshold: 5 }, forms, words)).toBe('more wait · 5')
    expect(aboutItem('reasons', { limit_seconds: 900 }, forms, words)).toBe('15:00')
    expect(aboutItem('retention', { days: 800 }, forms, words)).toBe('daysOf 800')
    expect(aboutItem('skills', { zh: '', en: '' }, forms, words)).toBe('')
  })
})
