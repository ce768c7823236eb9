import { describe, expect, it } from 'vitest'

import { columnsOf, pageAt, pagesOf, PAGE_SECONDS, TILES } from './wall_pages'

describe('a screen on the wall', () => {
  it('shows every queue on one of its pages', () => {
    const rows = Array.from({ length: TILES * 2 + 1 }, (_, index) => index)
    const pages = pagesOf(rows)
    expect(pages.map((page) => page.length)).toEqual([TILES, TILES, 1])
    expect(pages.flat()).toEqual(rows)
    expect(pagesOf([])).toEqual([])
  })

  it('turns its pages by the clock', () => {
    const at = (turns: number): number => pageAt(turns * PAGE_SECONDS * 1_000, 3)
    expect([0, 1, 2, 3].map(at)).toEqual([0, 1, 2, 0])
    expect(pageAt(99_999_999, 1)).toBe(0)
  })

  it('uses its width', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map(columnsOf)).toEqual([1, 1, 2, 3, 2, 3, 3])
  })
})
