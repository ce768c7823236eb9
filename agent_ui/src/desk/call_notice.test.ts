import { expect, it } from 'vitest'

import { answersIn } from './call_notice'

it('counts down to the moment the phone answers by itself, and only where it rings and the queue says so', () => {
  expect(answersIn(3, 1_000, 1_500)).toBe(3)
  expect(answersIn(3, 1_000, 3_900)).toBe(1)
  expect(answersIn(3, 1_000, 9_000)).toBe(0)
  expect(answersIn(0, 1_000, 1_000)).toBe(0)
  expect(answersIn(null, 1_000, 1_500)).toBeNull()
  expect(answersIn(3, null, 1_500)).toBeNull()
})
