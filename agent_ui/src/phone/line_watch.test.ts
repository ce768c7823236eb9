import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { ANSWERS_WITHIN_MS, LineWatch } from './line_watch'

let said: string[]
let watch: LineWatch

beforeEach(() => {
  vi.useFakeTimers()
  said = []
  watch = new LineWatch({ ask: () => said.push('ask'), cut: () => said.push('cut') })
})

afterEach(() => vi.useRealTimers())

it('asks once however often it is doubted, and leaves alone a line that answers', () => {
  watch.doubt()
  watch.doubt()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS - 1)
  watch.answered()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS)
  expect(said).toEqual(['ask'])
})

it('cuts a line that gives no answer, and asks again when it is doubted again', () => {
  watch.doubt()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS)
  expect(said).toEqual(['ask', 'cut'])
  watch.doubt()
  expect(said).toEqual(['ask', 'cut', 'ask'])
})

it('gives each connection that is tried its time, and a line that was given back none', () => {
  watch.connecting()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS - 1)
  watch.connecting()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS - 1)
  expect(said).toEqual([])
  vi.advanceTimersByTime(1)
  expect(said).toEqual(['cut'])
  watch.connecting()
  watch.stop()
  vi.advanceTimersByTime(ANSWERS_WITHIN_MS)
  expect(said).toEqual(['cut'])
})
