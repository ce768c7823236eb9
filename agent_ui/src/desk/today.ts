/** An agent's figures of today, counted on to this moment; formulas of docs/metrics.md. */
import type { Agent } from '@/api/documents'

export interface TodayFigures {
  readonly handled: number
  readonly talkSeconds: number
  readonly holdSeconds: number
  readonly wrapUpSeconds: number
  /** With colleagues on the phone; no part of the occupancy. */
  readonly internalSeconds: number
  /** transferred / handled; null before the first call. */
  readonly transferRate: number | null
  readonly callsOut: number
  readonly callsOutReached: number
  /** (talk + hold + wrap-up) / (the same + ready); null before there is any of it. */
  readonly occupancy: number | null
  /** (talk + hold + wrap-up) / handled; null before the first. */
  readonly handleSeconds: number | null
}

/** The server counts up to where the present state began (`since`); what it lasts already is added here. */
export function todayOf(agent: Pick<Agent, 'today' | 'state' | 'since'>, nowMs: number): TodayFigures {
  const running = Math.max(0, (nowMs - Date.parse(agent.since)) / 1_000) || 0
  const during = (state: Agent['state'], counted: number): number => counted + (agent.state === state ? running : 0)
  const talkSeconds = during('talking', agent.today.talk_seconds)
  const holdSeconds = during('hold', agent.today.hold_seconds)
  const wrapUpSeconds = during('wrap_up', agent.today.wrap_up_seconds)
  const readySeconds = during('ready', agent.today.ready_seconds)
  const busy = talkSeconds + holdSeconds + wrapUpSeconds
  return {
    handled: agent.today.handled,
    talkSeconds,
    holdSeconds,
    wrapUpSeconds,
    transferRate: agent.today.handled > 0 ? agent.today.transferred / agent.today.handled : null,
    callsOut: agent.today.calls_out,
    callsOutReached: agent.today.calls_out_reached,
    internalSeconds: during('internal_call', agent.today.internal_seconds),
    occupancy: busy + readySeconds > 0 ? busy / (busy + readySeconds) : null,
    handleSeconds: agent.today.handled > 0 ? busy / agent.today.handled : null,
  }
}
