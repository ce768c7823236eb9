/**
 * Remembers over a reload of this tab which talk its phone was in, so that the page that comes fetches it back by itself.
 *
 * Law: the mark stands only while this tab's own phone is in the talk, or the server says that the talk goes on without it; whoever
 * hangs up here takes it away.
 */

const STORED_AS = 'callcenter.talk'

export function markedTalk(): string | null {
  try {
    return sessionStorage.getItem(STORED_AS)
  } catch {
    // Storage may be forbidden: then the page offers the talk by a button.
    return null
  }
}

/** The talk of this tab's phone; null: it is in none. */
export function markTalk(interactionId: string | null): void {
  try {
    if (interactionId === null) sessionStorage.removeItem(STORED_AS)
    else sessionStorage.setItem(STORED_AS, interactionId)
  } catch {
    // See `markedTalk`.
  }
}

/** What the page knows when it asks itself whether its phone has to come back into a talk. */
export interface Circumstances {
  /** The interaction the server says this agent talks in, over the phone in his browser; null: none. */
  readonly talkingIn: string | null
  /** The interaction this tab's phone was in, when it was lost. */
  readonly marked: string | null
  /** The line is registered, so that it can be rung. */
  readonly canRing: boolean
  /** The phone has a call, of whatever kind, whose sound is well. */
  readonly inCall: boolean
}

/** So often in a row the server has to say it: what it says and what the phone does may cross. */
const OVER_AFTER_LOOKS = 3

export interface Standing {
  /** The server is heard, and says that this agent is in no talk and is offered none. */
  readonly isFree: boolean
  /** The interaction this tab's phone is in. */
  readonly marked: string | null
  /** The phone is in a talk with a customer. */
  readonly talks: boolean
}

/** How often in a row, `before` this look, the phone was in a talk that is over for the server; and whether that is enough. */
export function overFor(before: number, now: Standing): { looks: number; isOver: boolean } {
  const looks = now.isFree && now.marked !== null && now.talks ? before + 1 : 0
  return { looks, isOver: looks >= OVER_AFTER_LOOKS }
}

/** `fetch`: this tab lost it, bring it back. `offer`: it goes on elsewhere, or was lost elsewhere; the agent decides. */
export function returnTo(now: Circumstances): 'nothing' | 'fetch' | 'offer' {
  if (now.talkingIn === null || !now.canRing || now.inCall) return 'nothing'
  return now.marked === now.talkingIn ? 'fetch' : 'offer'
}
