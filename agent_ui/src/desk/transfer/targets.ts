/** What the dialog lists: the targets that fit what was typed, in the server's order. */
import type { AgentTarget, QueueTarget } from './transfer_api'

function fits(typed: string, ...texts: readonly string[]): boolean {
  const wanted = typed.trim().toLocaleLowerCase()
  return wanted === '' || texts.some((text) => text.toLocaleLowerCase().includes(wanted))
}

export function agentsFor(typed: string, agents: readonly AgentTarget[]): readonly AgentTarget[] {
  return agents.filter((agent) => fits(typed, agent.name, agent.agent_id))
}

export function queuesFor(typed: string, queues: readonly QueueTarget[]): readonly QueueTarget[] {
  return queues.filter((queue) => fits(typed, queue.label.en, queue.label.zh, queue.queue_id))
}

/** Whether a telephone number could be meant: the server has the last word. */
export function looksLikeNumber(typed: string): boolean {
  const digits = typed.replace(/[\s().-]/g, '')
  return /^\+?[0-9]{3,20}$/.test(digits)
}
