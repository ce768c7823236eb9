import { describe, expect, it } from 'vitest'

import { agentsIn, withAgent } from './condition_agents'

/** A bar is where the caret stands. */
function put(text: string, id = '1001'): string {
  const at = text.indexOf('|')
  const done = withAgent(text.replace('|', ''), at, at, id)
  return `${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`
}

describe('agents in a condition', () => {
  it('are those the account manager is compared with', () => {
    expect(agentsIn('account_manager = "1001"')).toEqual(['1001'])
    expect(agentsIn(`class = "A" and account_manager in ("1001", '1002') or ACCOUNT_MANAGER != "1001"`)).toEqual(['1001', '1002'])
    expect(agentsIn('account_manager not in ("a\\"b")')).toEqual(['a"b'])
    expect(agentsIn('name = "1001" and tags contains "1002" and account_manager is missing')).toEqual([])
    expect(agentsIn('account_manager = ')).toEqual([])
  })

  it('is put where it is missing, as a test of its own or as an id alone', () => {
    expect(put('|')).toBe('account_manager = "1001"|')
    expect(put('class = "A" and|')).toBe('class = "A" and account_manager = "1001"|')
    expect(put('class = "A" and | or x = 1')).toBe('class = "A" and account_manager = "1001"| or x = 1')
    expect(put('account_manager = |')).toBe('account_manager = "1001"|')
    expect(put('account_manager !=|and x = 1')).toBe('account_manager != "1001"| and x = 1')
    expect(put('account_manager in (|)')).toBe('account_manager in ("1001"|)')
    expect(put('account_manager not in ("1002"|)')).toBe('account_manager not in ("1002", "1001"|)')
    expect(put('account_manager in ("1002", |)')).toBe('account_manager in ("1002", "1001"|)')
    expect(put('|', 'a"b\\c')).toBe('account_manager = "a\\"b\\\\c"|')
  })

  it('is found again', () => {
    for (const id of ['1001', 'a"b\\c', "o'hara"]) expect(agentsIn(withAgent('x = 1 and ', 10, 10, id).text)).toEqual([id])
  })
})
