/** The colour each state of an agent has, on his desk and on the board. */
import type { AgentState } from '@/api/documents'

export const STATE_TONES: Readonly<Record<AgentState, '' | 'good' | 'warn' | 'info'>> = {
  ready: 'good',
  offered: 'warn',
  talking: 'info',
  hold: 'warn',
  wrap_up: 'info',
  internal_call: 'info',
  not_ready: '',
  logged_out: '',
}
