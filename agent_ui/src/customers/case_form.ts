/** A case as a form of texts: which states it may go to, and what of it is to be sent. */
import type { CaseBody, CaseChange, CaseRecord, CaseState } from '@/api/customers'
import { fromLocalInput, toLocalInput } from '@/time/local_input'

export const CASE_KINDS = ['question', 'order', 'complaint', 'field_visit', 'fault'] as const
export const CASE_PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const

/** From each state the states a case may go to, as docs/states.md has them; the server has the last word. */
const STEPS: Readonly<Record<CaseState, readonly CaseState[]>> = {
  open: ['in_progress', 'waiting', 'resolved', 'closed'],
  in_progress: ['waiting', 'resolved', 'closed'],
  waiting: ['in_progress', 'resolved', 'closed'],
  resolved: ['closed', 'reopened'],
  closed: ['reopened'],
  reopened: ['in_progress', 'waiting', 'resolved', 'closed'],
}

export interface CaseForm {
  kind: CaseRecord['kind']
  subject: string
  description: string
  state: CaseState
  priority: CaseRecord['priority']
  owner_id: string
  /** As an input of the kind datetime-local has it. */
  due_at: string
  reason: string
  remedy: string
  outcome: string
}

export function newCase(ownerId: string): CaseForm {
  return {
    kind: 'question',
    subject: '',
    description: '',
    state: 'open',
    priority: 'normal',
    owner_id: ownerId,
    due_at: '',
    reason: '',
    remedy: '',
    outcome: '',
  }
}

export function caseFormOf(record: CaseRecord): CaseForm {
  return {
    kind: record.kind,
    subject: record.subject,
    description: record.description,
    state: record.state,
    priority: record.priority,
    owner_id: record.owner_id ?? '',
    due_at: toLocalInput(record.due_at),
    reason: record.reason ?? '',
    remedy: record.remedy ?? '',
    outcome: record.outcome ?? '',
  }
}

/** The state it has, and those it may go to. */
export function statesFrom(state: CaseState): CaseState[] {
  return [state, ...STEPS[state]]
}

export function isSettled(state: string): boolean {
  return state === 'resolved' || state === 'closed'
}

function outcomeOf(text: string): 'recovered' | 'lost' | null {
  return text === 'recovered' || text === 'lost' ? text : null
}

/** What a new case is sent as; only a complaint has reason, remedy and outcome, and without a time the target's counts. */
export function bodyOf(form: CaseForm, interactionId: string | null): Partial<CaseBody> {
  const due = fromLocalInput(form.due_at)
  return {
    kind: form.kind,
    subject: form.subject.trim(),
    description: form.description,
    state: form.state,
    priority: form.priority,
    owner_id: form.owner_id.trim() || null,
    ...(due === null ? {} : { due_at: due }),
    ...(form.kind === 'complaint'
      ? { reason: form.reason || null, remedy: form.remedy || null, outcome: outcomeOf(form.outcome) }
      : {}),
    ...(interactionId === null ? {} : { interaction_id: interactionId }),
  }
}

/** What of `form` differs from `base`; null when nothing does. */
export function caseChangesOf(form: CaseForm, base: CaseForm): CaseChange | null {
  const changes: CaseChange = {}
  if (form.kind !== base.kind) changes.kind = form.kind
  if (form.subject !== base.subject) changes.subject = form.subject.trim()
  if (form.description !== base.description) changes.description = form.description
  if (form.state !== base.state) changes.state = form.state
  if (form.priority !== base.priority) changes.priority = form.priority
  if (form.owner_id !== base.owner_id) changes.owner_id = form.owner_id.trim() || null
  if (form.due_at !== base.due_at) changes.due_at = fromLocalInput(form.due_at)
  const [was, is] = [base.kind === 'complaint', form.kind === 'complaint']
  if (is) {
    if (form.reason !== base.reason) changes.reason = form.reason || null
    if (form.remedy !== base.remedy) changes.remedy = form.remedy || null
    if (form.outcome !== base.outcome) changes.outcome = outcomeOf(form.outcome)
  } else if (was) {
    // What only complaints have goes with the complaint.
    Object.assign(changes, { reason: null, remedy: null, outcome: null })
  }
  return Object.keys(changes).length === 0 ? null : changes
}
