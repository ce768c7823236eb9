import { beforeEach, describe, expect, it } from 'vitest'

import { draftNames, forgetDraft, keepDraft, readDraft } from './flow_drafts'
import { newFlow } from './new_flow'

describe('drafts of flows', () => {
  beforeEach(() => localStorage.clear())

  it('belong to one user and one flow, with the version they are based on', () => {
    expect(keepDraft('anna', 'main', { text: 'flow: main\n', basedOn: 3 })).toBe(true)
    expect(readDraft('anna', 'main')).toEqual({ text: 'flow: main\n', basedOn: 3 })
    expect(readDraft('bo', 'main')).toBeNull()
    expect(readDraft('anna', 'other')).toBeNull()
    expect(draftNames('anna')).toEqual(['main'])
    expect(draftNames('bo')).toEqual([])
    forgetDraft('anna', 'main')
    expect(readDraft('anna', 'main')).toBeNull()
  })

  it('are none when the browser holds something else', () => {
    localStorage.setItem('callcenter.flow.anna.main', '{"text": 1}')
    expect(readDraft('anna', 'main')).toBeNull()
    localStorage.setItem('callcenter.flow.anna.main', 'not JSON')
    expect(readDraft('anna', 'main')).toBeNull()
  })

  it('are not kept where the browser forbids it, and that is told', () => {
    const full = { setItem: () => { throw new Error('full') } } as unknown as Storage
    expect(keepDraft('anna', 'main', { text: '', basedOn: 0 }, full)).toBe(false)
  })
})

describe('a new flow', () => {
  it('has the name it was given', () => {
    expect(newFlow('fresh')).toMatch(/^flow: fresh\n/)
  })
})
