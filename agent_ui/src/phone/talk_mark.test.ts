import { expect, it } from 'vitest'

import { returnTo, type Circumstances } from './talk_mark'

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
