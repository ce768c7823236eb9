import { describe, expect, it } from 'vitest'

import { rebase } from './three_way'

const base = { name: 'Ada', notes: 'old', tags: ['a'], consents: { phone: '', sms: 'granted' } }

describe('two who change one thing', () => {
  it('keeps what was typed here and takes what was not touched here', () => {
    const mine = { ...base, notes: 'mine' }
    const theirs = { ...base, name: 'Ada L.', notes: 'theirs', consents: { phone: 'refused', sms: 'granted' } }
    const { merged, changes } = rebase(base, mine, theirs)
    expect(merged).toEqual({ ...theirs, notes: 'mine' })
    expect(changes.map((one) => [one.part, one.clashes])).toEqual([
      ['name', false],
      ['notes', true],
      ['consents.phone', false],
    ])
    expect(changes[1]).toMatchObject({ before: 'old', theirs: 'theirs', mine: 'mine' })
  })

  it('sees no clash where both changed it to the same, or only this side did', () => {
    expect(rebase(base, { ...base, tags: ['b'] }, { ...base, tags: ['b'] }).changes).toMatchObject([{ part: 'tags', clashes: false }])
    const result = rebase(base, { ...base, tags: ['b'] }, base)
    expect(result.changes).toEqual([])
    expect(result.merged.tags).toEqual(['b'])
  })
})
