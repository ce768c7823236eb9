import { expect, it } from 'vitest'

import { beginOfDay, dayIn, fromZone, toZone } from './zones'

it('reads and shows the clocks of a zone, whatever the browser’s own is', () => {
  expect(fromZone('2026-11-23T14:30', 'Asia/Shanghai')).toBe('2026-11-23T06:30:00.000Z')
  expect(toZone('2026-11-23T06:30:00Z', 'Europe/London')).toBe('2026-11-23T06:30')
  expect(toZone('2026-07-01T06:30:00Z', 'Europe/London')).toBe('2026-07-01T07:30')
  expect(fromZone('2026-07-01T07:30', 'Europe/London')).toBe('2026-07-01T06:30:00.000Z')
})

it('knows no time that the clocks leave out, and no nonsense', () => {
  expect(fromZone('2026-03-29T01:30', 'Europe/London')).toBeNull()
  expect(fromZone('tomorrow', 'Asia/Shanghai')).toBeNull()
  expect(fromZone('2026-11-23T14:30', 'Nowhere/Atall')).toBeNull()
})

it('knows which day it is there and when it began', () => {
  const evening = new Date('2026-11-22T16:30:00Z')
  expect(dayIn('Asia/Shanghai', evening)).toBe('2026-11-23')
  expect(dayIn('UTC', evening)).toBe('2026-11-22')
  expect(beginOfDay('2026-11-23', 'Asia/Shanghai')).toBe('2026-11-22T16:00:00.000Z')
  expect(beginOfDay('2026-09-06', 'America/Santiago')).toBe('2026-09-06T04:00:00.000Z')
  expect(beginOfDay('2026-11-23', 'Nowhere/Atall')).toBeNull()
})
