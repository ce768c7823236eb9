import { describe, expect, it } from 'vitest'

import { choicesFor, MOST_SHOWN } from './agent_choice'

const agents = [
  { agent_id: '1001', name: '李娜' },
  { agent_id: '1002', name: 'Tom Baker' },
  { agent_id: '1003', name: '' },
]
const own = [{ value: '', label: 'everybody' }]

describe('choosing an agent', () => {
  it('offers everybody, what is no agent first', () => {
    expect(choicesFor('', agents, own).choices.map((one) => one.value)).toEqual(['', '1001', '1002', '1003'])
  })

  it('finds by part of the name or of the id, in either case', () => {
    expect(choicesFor('娜', agents, own).choices.map((one) => one.value)).toEqual(['1001'])
    expect(choicesFor(' bAk', agents, own).choices.map((one) => one.value)).toEqual(['1002'])
    expect(choicesFor('1003', agents, own).choices).toEqual([{ value: '1003', label: '1003' }])
    expect(choicesFor('nobody here', agents, own)).toEqual({ choices: [], more: 0 })
  })

  it('says how many are left out', () => {
    const many = Array.from({ length: 500 }, (_, index) => ({ agent_id: String(index), name: `Agent ${index}` }))
    expect(choicesFor('', many, own).choices).toHaveLength(MOST_SHOWN)
    expect(choicesFor('', many, own).more).toBe(501 - MOST_SHOWN)
  })
})
