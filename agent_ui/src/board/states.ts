/** The states of agents as the board counts them; hold counts as talking. */
export const AGENT_STATES = ['ready', 'offered', 'talking', 'wrap_up', 'not_ready'] as const
