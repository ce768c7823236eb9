import { describe, expect, it } from 'vitest'

import { piecesOf, topOf } from './line'

describe('a small line', () => {
  it('breaks where nothing is known', () => {
    const pieces = piecesOf([0, 1, null, 1, 0], 1)
    expect(pieces).toHaveLength(2)
    expect(pieces[0]).toBe('0.0,21.0 16.0,1.0')
  })

  it('stays flat without values and never leaves its box', () => {
    expect(piecesOf([], 4)).toEqual([])
    expect(piecesOf([9, 9], 4)[0]).toBe('0.0,1.0 64.0,1.0')
  })

  it('does not make a mountain of one caller', () => {
    expect(topOf([0, 1, null])).toBe(4)
    expect(topOf([0, 12])).toBe(12)
  })
})
