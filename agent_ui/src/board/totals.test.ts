import { expect, it } from 'vitest'

import type { QueueRow } from '@/api/documents'

import { totalsOf } from './totals'

function row(part: Partial<QueueRow>): QueueRow {
  return {
    queue_id: 'q',
    label: { zh: '', en: '' },
    waiting: 0,
    longest_wait_since: null,
    expected_wait_seconds: null,
    agents: { ready: 0, not_ready: 0, offered: 0, talking: 0, wrap_up: 0 },
    today: { offered: 0, answered: 0, abandoned: 0, service_level: null, asa_seconds: null },
    service_level_threshold_seconds: 20,
    ...part,
  }
}

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
