/** How many queues a screen on the wall shows at once, and which of its pages is on. */

/** So many tiles can still be read from six metres on 1920 x 1080. */
export const TILES = 6
export const PAGE_SECONDS = 12

export function pagesOf<T>(rows: readonly T[]): T[][] {
  const pages: T[][] = []
  for (let first = 0; first < rows.length; first += TILES) pages.push(rows.slice(first, first + TILES))
  return pages
}

/** The page at this moment: they change all by themselves, the same on every screen. */
export function pageAt(nowMs: number, pages: number): number {
  return pages <= 1 ? 0 : Math.floor(nowMs / 1_000 / PAGE_SECONDS) % pages
}

/** Columns of so many tiles. */
export function columnsOf(tiles: number): number {
  return tiles <= 3 ? Math.max(1, tiles) : tiles === 4 ? 2 : 3
}
