import { expect, it } from 'vitest'

import { choiceFrom, devicesOf, NO_CHOICE } from './devices'
import { levelOf } from './level'
import { audioOf, problemOf } from './microphone'

it('keeps a choice and reads nothing out of rubbish', () => {
  expect(choiceFrom('{"microphone":"m1","speaker":"","ringer":"desk"}')).toEqual({ microphone: 'm1', speaker: null, ringer: 'desk' })
  for (const stored of [null, '', '[', '7', 'null', '"x"', '{"microphone":7}']) expect(choiceFrom(stored), String(stored)).toEqual(NO_CHOICE)
})

it('offers each device once, and numbers those whose names the browser hides', () => {
  const found = [
    { deviceId: 'default', kind: 'audioinput', label: 'Default' },
    { deviceId: 'a', kind: 'audioinput', label: 'Headset' },
    { deviceId: 'b', kind: 'audioinput', label: '' },
    { deviceId: 'c', kind: 'audiooutput', label: 'Speakers' },
    { deviceId: 'd', kind: 'videoinput', label: 'Camera' },
  ] as const
  expect(devicesOf(found)).toEqual({
    microphones: [
      { id: 'a', name: 'Headset' },
      { id: 'b', name: '2' },
    ],
    speakers: [{ id: 'c', name: 'Speakers' }],
  })
})

it('asks for the chosen microphone and is content with another one', () => {
  expect(audioOf(null)).toEqual({ audio: true, video: false })
  expect(audioOf('a')).toEqual({ audio: { deviceId: { ideal: 'a' } }, video: false })
})

it('tells a refusal from a missing and from a busy microphone', () => {
  expect(problemOf(new DOMException('', 'NotAllowedError'))).toBe('denied')
  expect(problemOf(new DOMException('', 'NotFoundError'))).toBe('missing')
  expect(problemOf(new DOMException('', 'NotReadableError'))).toBe('in_use')
  expect(problemOf(new Error('x'))).toBe('missing')
})

it('shows silence as nothing and the loudest as all, in decibels between', () => {
  expect(levelOf(new Float32Array(0))).toBe(0)
  expect(levelOf(new Float32Array(8))).toBe(0)
  expect(levelOf(new Float32Array(8).fill(1))).toBe(1)
  expect(levelOf(new Float32Array(8).fill(0.0316227766))).toBeCloseTo(0.5, 3)
})
