import { describe, expect, it } from 'vitest'

import { en, zh } from '@/i18n/privacy'

import { byFate, mayErase, stepStates } from './erasure_view'

describe('what an erasure concerns', () => {
  it('goes by what becomes of it, the most first, and leaves nothing out', () => {
    expect(byFate({ messages: 1, contact_points: 2, events: 40, tasks: 0, offers: 3, a_new_table: 7 })).toEqual([
      { fate: 'deleted', tables: [{ table: 'contact_points', count: 2 }, { table: 'messages', count: 1 }] },
      { fate: 'blanked', tables: [{ table: 'events', count: 40 }] },
      { fate: 'kept', tables: [{ table: 'offers', count: 3 }] },
      { fate: 'other', tables: [{ table: 'a_new_table', count: 7 }] },
    ])
  })

  it('has words for what it knows the fate of', () => {
    const known = Object.keys(en.table)
    for (const { tables } of byFate(Object.fromEntries(known.map((name) => [name, 1]))).filter((one) => one.fate !== 'other')) {
      for (const { table } of tables) expect(Object.keys(zh.table)).toContain(table)
    }
    expect(byFate(Object.fromEntries(known.map((name) => [name, 1]))).find((one) => one.fate === 'other')?.tables.map((one) => one.table)).toEqual(['logs_not_writable'])
  })
})

describe('the steps of an erasure', () => {
  it('waits, goes on and ends', () => {
    const states = (state: 'waiting' | 'running' | 'done', step: 'begin' | 'events' | 'end') => stepStates({ state, step }).map((one) => one.state)
    expect(states('waiting', 'begin')).toEqual(['later', 'later', 'later', 'later', 'later'])
    expect(states('running', 'events')).toEqual(['done', 'done', 'now', 'later', 'later'])
    expect(states('done', 'end')).toEqual(['done', 'done', 'done', 'done', 'done'])
  })
})

it('is ordered only by somebody who typed something, of one who has nothing open', () => {
  const free = { open_cases: 0, in_house: false }
  expect(mayErase('Wang', free, false)).toBe(true)
  expect(mayErase('  ', free, false)).toBe(false)
  expect(mayErase('Wang', null, false)).toBe(false)
  expect(mayErase('Wang', { ...free, in_house: true }, true)).toBe(false)
  expect(mayErase('Wang', { ...free, open_cases: 2 }, false)).toBe(false)
  expect(mayErase('Wang', { ...free, open_cases: 2 }, true)).toBe(true)
})
