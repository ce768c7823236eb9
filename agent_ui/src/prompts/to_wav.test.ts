import { expect, it } from 'vitest'

import { formatOf, sendable, wavOf } from './to_wav'

it('writes a header that says what follows', async () => {
  const blob = wavOf(new Float32Array([0, 1, -1, 2]), 16_000)
  const view = new DataView(await blob.arrayBuffer())
  expect(view.byteLength).toBe(52)
  expect(view.getUint32(24, true)).toBe(16_000)
  expect(view.getUint32(40, true)).toBe(8)
  expect([44, 46, 48, 50].map((at) => view.getInt16(at, true))).toEqual([0, 32_767, -32_767, 32_767])
})

it('knows formats by the ends of names', () => {
  expect(['A.WAV', 'b.aif', 'c.mp4', 'd'].map(formatOf)).toEqual(['wav', 'aiff', 'm4a', 'd'])
})

it('sends as it is what the server reads, and what nobody can decode', async () => {
  const wav = new File(['x'], 'x.wav')
  const text = new File(['x'], 'x.txt')
  expect(await sendable(wav, ['wav'])).toBe(wav)
  expect(await sendable(text, ['wav'])).toBe(text)
})
