/**
 * Two people changed one document: what each of them changed, and both together.
 *
 * Law: what was typed here stays; of what was not touched here the newer counts.
 */
export interface TheirChange {
  /** The part's name; parts of an inner record as `consents.phone`. */
  readonly part: string
  readonly before: unknown
  readonly theirs: unknown
  readonly mine: unknown
  /** Both changed it, and not to the same. */
  readonly clashes: boolean
}

type Record_ = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Record_ {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}

/** `mine` and `theirs` were both made of `base`; the result is a new `mine` that is made of `theirs`. */
export function rebase<T extends object>(base: T, mine: T, theirs: T): { merged: T; changes: TheirChange[] } {
  const changes: TheirChange[] = []
  const merged = mergeRecords(base as Record_, mine as Record_, theirs as Record_, '', changes)
  return { merged: merged as T, changes }
}

function mergeRecords(base: Record_, mine: Record_, theirs: Record_, path: string, changes: TheirChange[]): Record_ {
  const merged: Record<string, unknown> = {}
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const [before, own, other] = [base[name], mine[name], theirs[name]]
    const part = `${path}${name}`
    if (isRecord(own) && isRecord(other)) {
      merged[name] = mergeRecords(isRecord(before) ? before : {}, own, other, `${part}.`, changes)
      continue
    }
    const touched = !same(before, own)
    if (!same(before, other)) {
      changes.push({ part, before, theirs: other, mine: own, clashes: touched && !same(own, other) })
    }
    merged[name] = touched ? own : other
  }
  return merged
}
