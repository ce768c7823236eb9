import { expect, it } from 'vitest'

import { alertsOf, gravestOf } from './alerts'
import { rowOf } from './samples'

function kinds(part: Parameters<typeof rowOf>[0]): string[] {
  return alertsOf(rowOf(part)).map((alert) => alert.kind)
}

it('says that a queue is closed, and that nobody can serve one', () => {
  expect(kinds({})).toEqual([])
  expect(kinds({ closed_by: 'wang' })).toEqual(['closed'])
  expect(kinds({ unserved: true })).toEqual(['unserved'])
})

it('does not cry for agents at night, unless somebody waits', () => {
  expect(kinds({ unserved: true, open: false })).toEqual(['outside_hours'])
  expect(kinds({ unserved: true, open: false, waiting: 1 })).toEqual(['outside_hours', 'unserved'])
  expect(kinds({ unserved: true, closed_by: 'wang' })).toEqual(['closed'])
  expect(kinds({ unserved: true, open: true })).toEqual(['unserved'])
})

it('gathers the queues somebody must act on', () => {
  const rows = [rowOf({ queue_id: 'a', unserved: true }), rowOf({ queue_id: 'b', closed_by: 'x' }), rowOf({ queue_id: 'c' })]
  const found = gravestOf(rows)
  expect(found.unserved.map((row) => row.queue_id)).toEqual(['a'])
  expect(found.closed.map((row) => row.queue_id)).toEqual(['b'])
})
