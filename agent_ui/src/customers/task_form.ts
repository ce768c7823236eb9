/** A task as a form has it, and what of it is sent. */
import type { Task, TaskBody, TaskChange } from '@/api/customers'
import { fromLocalInput, toLocalInput } from '@/time/local_input'

export interface TaskForm {
  kind: string
  text: string
  owner_id: string
  /** As an input of the kind datetime-local has it, like the next. */
  due_at: string
  remind_at: string
}

export function newTask(ownerId: string): TaskForm {
  return { kind: 'promise', text: '', owner_id: ownerId, due_at: '', remind_at: '' }
}

export function taskFormOf(task: Task): TaskForm {
  return { kind: task.kind, text: task.text, owner_id: task.owner_id ?? '', due_at: toLocalInput(task.due_at), remind_at: toLocalInput(task.remind_at) }
}

function kindOf(text: string): Task['kind'] {
  return text === 'promise' ? 'promise' : 'follow_up'
}

/** Null while there is not enough to send. */
export function taskBodyOf(form: TaskForm, interactionId: string | null): TaskBody | null {
  const due = fromLocalInput(form.due_at)
  if (due === null || form.text.trim() === '' || remindsTooLate(form)) return null
  return {
    kind: kindOf(form.kind),
    text: form.text.trim(),
    due_at: due,
    remind_at: fromLocalInput(form.remind_at),
    owner_id: form.owner_id || null,
    ...(interactionId === null ? {} : { interaction_id: interactionId }),
  }
}

export function remindsTooLate(form: TaskForm): boolean {
  return form.due_at !== '' && form.remind_at > form.due_at
}

/** What of `form` differs from `base`. */
export function taskChangesOf(form: TaskForm, base: TaskForm): TaskChange {
  const changes: TaskChange = {}
  if (form.kind !== base.kind) changes.kind = kindOf(form.kind)
  if (form.text !== base.text) changes.text = form.text.trim()
  if (form.owner_id !== base.owner_id) changes.owner_id = form.owner_id || null
  if (form.due_at !== base.due_at) changes.due_at = fromLocalInput(form.due_at)
  if (form.remind_at !== base.remind_at) changes.remind_at = fromLocalInput(form.remind_at)
  return changes
}
