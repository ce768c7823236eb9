import { expect, it } from 'vitest'

import { overFor, returnTo, type Circumstances, type Standing } from './talk_mark'

const LOST: Circumstances = { talkingIn: 'cc1-7', marked: 'cc1-7', canRing: true, inCall: false }

it('brings back the talk that this very tab lost', () => {
  expect(returnTo(LOST)).toBe('fetch')
})

it('takes no talk from another browser without being told to', () => {
  expect(returnTo({ ...LOST, marked: null })).toBe('offer')
  expect(returnTo({ ...LOST, marked: 'cc1-6' })).toBe('offer')
})

it('leaves alone what is well, over, or cannot be rung yet', () => {
  expect(returnTo({ ...LOST, inCall: true })).toBe('nothing')
  expect(returnTo({ ...LOST, talkingIn: null })).toBe('nothing')
  expect(returnTo({ ...LOST, canRing: false })).toBe('nothing')
})

it('gives up a call that is over for the server for three looks, and none that the server does not know', () => {
  const stale: Standing = { isFree: true, marked: 'cc1-7', talks: true }
  expect(overFor(0, stale)).toEqual({ looks: 1, isOver: false })
  expect(overFor(2, stale)).toEqual({ looks: 3, isOver: true })
  expect(overFor(2, { ...stale, isFree: false })).toEqual({ looks: 0, isOver: false })
  // A supervisor who listens, or an echo, was never a customer's talk.
  expect(overFor(2, { ...stale, marked: null })).toEqual({ looks: 0, isOver: false })
  expect(overFor(2, { ...stale, talks: false })).toEqual({ looks: 0, isOver: false })
})
