/**
 * Texts of customers inside the page's own sentences: marks of direction in a name must not turn the words around it.
 *
 * Law: what is put in stands between FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE, and cannot close them itself.
 */

const OPEN = '\u2068'
const CLOSE = '\u2069'
/** Marks of direction, and letters written from right to left. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/
const MARKS = /[\u2066-\u2069]/g

/** The text, by itself where it could turn others; most texts are as they were. */
export function isolated(text: string): string {
  if (!TURNS.test(text)) return text
  let open = 0
  const kept = text.replace(MARKS, (mark) => {
    if (mark !== CLOSE) open += 1
    else if (open === 0) return ''
    else open -= 1
    return mark
  })
  return `${OPEN}${kept}${CLOSE.repeat(open + 1)}`
}

/** The same for every text among the values of a sentence. */
export function isolatedValues(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? isolated(value) : value]))
}
