/** What a chooser of agents offers for what was typed. */
import type { AgentName } from '@/api/customers'

export interface Choice {
  readonly value: string
  readonly label: string
}

export const MOST_SHOWN = 50

export interface Offered {
  readonly choices: readonly Choice[]
  /** How many more there are than are shown. */
  readonly more: number
}

/** `own` (everybody, nobody) come first; an agent is found by part of his name or of his id. */
export function choicesFor(typed: string, agents: readonly AgentName[], own: readonly Choice[]): Offered {
  const wanted = typed.trim().toLowerCase()
  const all = [...own, ...agents.map((one) => ({ value: one.agent_id, label: one.name === '' ? one.agent_id : `${one.name} · ${one.agent_id}` }))]
  const found = wanted === '' ? all : all.filter((one) => one.label.toLowerCase().includes(wanted))
  return { choices: found.slice(0, MOST_SHOWN), more: Math.max(0, found.length - MOST_SHOWN) }
}
