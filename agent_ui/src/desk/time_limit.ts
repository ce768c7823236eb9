/** How near an agent is to the end of what his reason for being not ready allows; by the server's clock. */
import type { Agent } from '@/api/documents'

export interface TimeLimit {
  readonly stage: 'far' | 'near' | 'over'
  /** Whole seconds left, or since it was over. */
  readonly seconds: number
}

/** Null when his reason has no limit. */
export function timeLimitOf(agent: Agent, nowMs: number): TimeLimit | null {
  if (agent.not_ready_until === null) return null
  const until = Date.parse(agent.not_ready_until)
  if (Number.isNaN(until)) return null
  if (nowMs >= until) return { stage: 'over', seconds: Math.floor((nowMs - until) / 1_000) }
  const warn = agent.warn_at === null ? Number.NaN : Date.parse(agent.warn_at)
  return { stage: nowMs >= warn ? 'near' : 'far', seconds: Math.floor((until - nowMs) / 1_000) }
}
