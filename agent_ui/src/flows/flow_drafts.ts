/**
 * Texts of flows that are being written, kept in this browser until they are published or discarded.
 *
 * Law: a draft knows the version it is based on; it is forgotten only when its writer says so or it is published.
 */
const PREFIX = 'callcenter.flow.'
const LONGEST = 200_000

export interface FlowDraft {
  text: string
  basedOn: number
}

function isDraft(value: unknown): value is FlowDraft {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Record<string, unknown>
  return typeof fields['text'] === 'string' && typeof fields['basedOn'] === 'number' && fields['text'].length <= LONGEST
}

/** The draft of this user, null when there is none that can be read. */
export function readDraft(user: string, name: string, storage: Storage = localStorage): FlowDraft | null {
  try {
    const value: unknown = JSON.parse(storage.getItem(`${PREFIX}${user}.${name}`) ?? 'null')
    return isDraft(value) ? value : null
  } catch {
    // Storage may be forbidden, or hold what another program wrote.
    return null
  }
}

/** Keeps a draft; false when the browser does not. */
export function keepDraft(user: string, name: string, draft: FlowDraft, storage: Storage = localStorage): boolean {
  try {
    storage.setItem(`${PREFIX}${user}.${name}`, JSON.stringify(draft))
    return true
  } catch {
    return false
  }
}

export function forgetDraft(user: string, name: string, storage: Storage = localStorage): void {
  try {
    storage.removeItem(`${PREFIX}${user}.${name}`)
  } catch {
    // See `readDraft`.
  }
}

/** The names of flows this user has drafts of. */
export function draftNames(user: string, storage: Storage = localStorage): string[] {
  const mine = `${PREFIX}${user}.`
  try {
    return Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
      .filter((key) => key.startsWith(mine))
      .map((key) => key.slice(mine.length))
      .sort()
  } catch {
    return []
  }
}
