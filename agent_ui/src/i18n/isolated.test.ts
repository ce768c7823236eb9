import { describe, expect, it } from 'vitest'

import { isolated, isolatedValues } from './isolated'

describe('texts inside sentences', () => {
  it('leaves alone what turns nothing', () => {
    for (const text of ['', 'Anna', '王芳', 'É 🎧', '+86 138']) expect(isolated(text)).toBe(text)
  })

  it('sets what is written from the right, or turns others, by itself', () => {
    expect(isolated('שלום')).toBe('\u2068שלום\u2069')
    expect(isolated('a\u202eb')).toBe('\u2068a\u202eb\u2069')
  })

  it('cannot be left from within', () => {
    expect(isolated('a\u2069\u202eb')).toBe('\u2068a\u202eb\u2069')
    expect(isolated('\u2067a')).toBe('\u2068\u2067a\u2069\u2069')
    expect(isolated('\u2067a\u2069b\u2069')).toBe('\u2068\u2067a\u2069b\u2069')
  })

  it('touches texts alone', () => {
    expect(isolatedValues({ count: 3, name: '\u202ex', list: null })).toEqual({ count: 3, name: '\u2068\u202ex\u2069', list: null })
  })
})
