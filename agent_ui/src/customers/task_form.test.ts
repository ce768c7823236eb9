import { describe, expect, it } from 'vitest'

import { newTask, remindsTooLate, taskBodyOf, taskChangesOf } from './task_form'

const whole = { ...newTask('1001'), text: ' Call back ', due_at: '2026-11-23T10:00', remind_at: '2026-11-23T09:30' }

describe('a task as a form', () => {
  it('is sent when it says what and when', () => {
    expect(taskBodyOf(newTask('1001'), null)).toBeNull()
    expect(taskBodyOf({ ...whole, due_at: '' }, null)).toBeNull()
    const body = taskBodyOf(whole, 'i1')
    expect(body).toMatchObject({ kind: 'promise', text: 'Call back', owner_id: '1001', interaction_id: 'i1' })
    expect(Date.parse(body?.due_at ?? '') - Date.parse(body?.remind_at ?? '')).toBe(1_800_000)
    expect(taskBodyOf({ ...whole, owner_id: '', remind_at: '' }, null)).toMatchObject({ owner_id: null, remind_at: null })
  })

  it('does not remind after it is due', () => {
    expect(remindsTooLate({ ...whole, remind_at: '2026-11-23T10:01' })).toBe(true)
    expect(taskBodyOf({ ...whole, remind_at: '2026-11-23T10:01' }, null)).toBeNull()
    expect(remindsTooLate({ ...whole, remind_at: '2026-11-23T10:00' })).toBe(false)
  })

  it('sends what was changed, nothing else', () => {
    expect(taskChangesOf(whole, whole)).toEqual({})
    expect(taskChangesOf({ ...whole, owner_id: '' }, whole)).toEqual({ owner_id: null })
    expect(taskChangesOf({ ...whole, remind_at: '', kind: 'follow_up' }, whole)).toEqual({ kind: 'follow_up', remind_at: null })
  })
})
