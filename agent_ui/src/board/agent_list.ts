/** Which agents the board lists, and in which order. */
import type { Agent } from '@/api/documents'

import { holdRate, transferRate } from './agent_rates'

export interface AgentFilter {
  readonly text: string
  readonly state: string
  readonly queueId: string
}
export type AgentOrder = 'name' | 'state' | 'since' | 'handled' | 'held' | 'sentOn' | 'callsOut'

const RANK: Readonly<Record<string, number>> = { talking: 0, hold: 1, offered: 2, wrap_up: 3, internal_call: 4, ready: 5, not_ready: 6, logged_out: 7 }

/** Those who are signed in; `talking` finds who has a caller on hold too, as the queues' figures count them. */
export function matching(agents: readonly Agent[], filter: AgentFilter): Agent[] {
  const text = filter.text.trim().toLowerCase()
  return agents.filter((agent) => {
    if (agent.state === 'logged_out') return false
    const state = filter.state === 'talking' && agent.state === 'hold' ? 'talking' : agent.state
    if (filter.state !== '' && state !== filter.state) return false
    if (filter.queueId !== '' && !agent.queue_ids.includes(filter.queueId)) return false
    if (text === '') return true
    return [agent.name, agent.agent_id, agent.customer_name ?? ''].some((one) => one.toLowerCase().includes(text))
  })
}

/** One for all: to compare by the page's language is slow, to make the comparer is slower. */
const names = new Intl.Collator()

/** The longest in his state, and the highest figure, first; who has none comes last. */
export function ordered(agents: readonly Agent[], by: AgentOrder): Agent[] {
  const compare: Record<AgentOrder, (a: Agent, b: Agent) => number> = {
    name: (a, b) => names.compare(a.name, b.name),
    state: (a, b) => (RANK[a.state] ?? 9) - (RANK[b.state] ?? 9),
    since: (a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0),
    handled: (a, b) => b.today.handled - a.today.handled,
    held: (a, b) => (holdRate(b) ?? -1) - (holdRate(a) ?? -1),
    sentOn: (a, b) => (transferRate(b) ?? -1) - (transferRate(a) ?? -1),
    callsOut: (a, b) => b.today.calls_out - a.today.calls_out,
  }
  return [...agents].sort((a, b) => compare[by](a, b) || names.compare(a.agent_id, b.agent_id))
}
