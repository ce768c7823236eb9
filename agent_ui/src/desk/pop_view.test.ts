import { describe, expect, it } from 'vitest'

import { attachedAfter, viewOf, type Attached } from './pop_view'
import { customerCard, popOf } from './samples'

const ADA = customerCard('ada', 'Ada')
const BEN = customerCard('ben', 'Ben')

function attached(interactionId: string, customerId: string, created: Attached['created'] = null): Attached {
  return { interactionId, customerId, created }
}

describe('the view of a pop', () => {
  it('is nothing without a pop', () => {
    expect(viewOf(null, attached('i1', 'ada', ADA))).toEqual({ kind: 'nothing' })
  })

  it('is the customer when there is one, the chooser when there are several, the blank card when there is none', () => {
    expect(viewOf(popOf('i1', { customers: [ADA], customer_id: 'ada' }), null)).toMatchObject({ kind: 'customer', customer: ADA })
    expect(viewOf(popOf('i1', { customers: [ADA, BEN] }), null)).toMatchObject({ kind: 'choose', customers: [ADA, BEN] })
    const blank = { ...customerCard('', ''), name: '' }
    expect(viewOf(popOf('i1', { blank }), null)).toMatchObject({ kind: 'blank', blank })
  })

  it('shows the customer this desk chose or created before the server has said so', () => {
    expect(viewOf(popOf('i1', { customers: [ADA, BEN] }), attached('i1', 'ben'))).toMatchObject({ customer: BEN })
    expect(viewOf(popOf('i1'), attached('i1', 'new', customerCard('new', 'New')))).toMatchObject({ customer: { name: 'New' } })
  })

  it('never shows a customer attached to another interaction', () => {
    expect(viewOf(popOf('i2'), attached('i1', 'ada', ADA)).kind).toBe('blank')
    expect(viewOf(popOf('i2', { customers: [ADA, BEN] }), attached('i1', 'ada')).kind).toBe('choose')
  })
})

describe('a late answer', () => {
  it('about the interaction on the screen is taken', () => {
    const answer = attached('i1', 'ada')
    expect(attachedAfter(null, answer, popOf('i1'))).toBe(answer)
  })

  it('about an interaction that has left the screen is dropped', () => {
    const before = attached('i2', 'ben')
    expect(attachedAfter(before, attached('i1', 'ada'), popOf('i2'))).toBe(before)
    expect(attachedAfter(null, attached('i1', 'ada'), null)).toBeNull()
  })
})
