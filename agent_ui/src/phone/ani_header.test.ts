import { expect, it } from 'vitest'

import { aniHeader } from './ani_header'

it('carries a number or a word into the header', () => {
  expect(aniHeader(' +8613800138000 ')).toBe('X-Demo-ANI: +8613800138000')
  expect(aniHeader('anonymous')).toBe('X-Demo-ANI: anonymous')
})

it('lets nothing become a second header', () => {
  for (const ani of ['', ' ', '1\r\nVia: x', '1\nX: y', '\u0000', '9'.repeat(65)]) expect(aniHeader(ani), JSON.stringify(ani)).toBeNull()
})
