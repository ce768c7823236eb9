import { expect, it } from 'vitest'

import { rowOf as row } from './samples'
import { totalsOf } from './totals'

it('sums callers and takes the longest of the waits', () => {
  const now = Date.parse('2026-11-21T10:01:00Z')
  const rows = [
    row({ waiting: 2, longest_wait_since: '2026-11-21T10:00:50Z' }),
    row({ waiting: 1, longest_wait_since: '2026-11-21T10:00:00Z' }),
    row({}),
  ]
  expect(totalsOf(rows, now)).toMatchObject({ waiting: 3, longestWaitSeconds: 60 })
})

it('knows no longest wait when nobody waits', () => {
  expect(totalsOf([row({})], 0).longestWaitSeconds).toBeNull()
})
