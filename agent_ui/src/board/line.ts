/** The points of a small line, as SVG wants them. */

export const LINE_WIDTH = 64
export const LINE_HEIGHT = 22

/** Pieces between gaps (null) as `x,y` lists; `top` is the value at the upper edge. */
export function piecesOf(values: readonly (number | null)[], top: number): string[] {
  const pieces: string[] = []
  let piece: string[] = []
  const step = values.length > 1 ? LINE_WIDTH / (values.length - 1) : 0
  values.forEach((value, index) => {
    if (value === null) {
      if (piece.length > 0) pieces.push(piece.join(' '))
      piece = []
      return
    }
    const height = top > 0 ? Math.min(value / top, 1) : 0
    const y = LINE_HEIGHT - 1 - height * (LINE_HEIGHT - 2)
    piece.push(`${(index * step).toFixed(1)},${y.toFixed(1)}`)
  })
  if (piece.length > 0) pieces.push(piece.join(' '))
  return pieces
}

/** The upper edge of a line of counts: its highest value, but never less than 4, so that one caller is no peak. */
export function topOf(values: readonly (number | null)[]): number {
  return Math.max(4, ...values.map((value) => value ?? 0))
}
