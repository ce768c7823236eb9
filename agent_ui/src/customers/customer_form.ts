/** A customer as a form of texts, and what of it is to be sent: nothing but what was changed. */
import type { CustomerChange, CustomerRecord, CustomField } from '@/api/customers'

export const CHANNELS = ['phone', 'sms', 'email', 'chat', 'social', 'post'] as const
export const CONSENTS = ['granted', 'refused', 'do_not_contact'] as const
export const POINT_KINDS = ['phone', 'email', 'web', 'social'] as const

export interface Point {
  kind: (typeof POINT_KINDS)[number]
  value: string
  label: string
}

export interface CustomerForm {
  name: string
  kind: string
  language: string
  segment: string
  account_manager_id: string
  /** Separated by commas of either script. */
  tags: string
  notes: string
  contact_points: Point[]
  /** Of each channel the state, empty where nobody asked. */
  consents: Record<string, string>
  custom: Record<string, string>
}

function asText(value: string | number | boolean | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

/** `fields` are the business's own; a retired one is shown while it holds something. */
export function formOf(customer: CustomerRecord, fields: readonly CustomField[]): CustomerForm {
  const states = new Map(customer.consents.map((consent) => [consent.channel, consent.state]))
  return {
    name: customer.name,
    kind: customer.kind,
    language: customer.language ?? '',
    segment: customer.segment ?? '',
    account_manager_id: customer.account_manager_id ?? '',
    tags: customer.tags.join(', '),
    notes: customer.notes,
    contact_points: customer.contact_points.map(({ kind, value, label }) => ({ kind, value, label })),
    consents: Object.fromEntries(CHANNELS.map((channel) => [channel, states.get(channel) ?? ''])),
    custom: Object.fromEntries(
      shownFields(customer, fields).map((field) => [field.field_id, asText(customer.custom[field.field_id])]),
    ),
  }
}

export function shownFields(customer: CustomerRecord, fields: readonly CustomField[]): CustomField[] {
  return fields.filter((field) => !field.retired || field.field_id in customer.custom)
}

export function tagsOf(text: string): string[] {
  return [...new Set(text.split(/[,，、]/).map((tag) => tag.trim()).filter((tag) => tag !== ''))]
}

function customValue(text: string, kind: CustomField['kind'] | undefined): string | number | boolean | null {
  const trimmed = text.trim()
  if (trimmed === '') return null
  if (kind === 'yes_no') return trimmed === 'yes'
  // What is no number goes as it was typed, so that the server says what is wrong with it.
  if (kind === 'number') return Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed)
  return trimmed
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}

/** What of `form` differs from `base`; null when nothing does. */
export function changesOf(form: CustomerForm, base: CustomerForm, fields: readonly CustomField[]): CustomerChange | null {
  const changes: CustomerChange = {}
  if (form.name !== base.name) changes.name = form.name.trim()
  if (form.kind !== base.kind) changes.kind = form.kind === 'organisation' ? 'organisation' : 'person'
  if (form.language !== base.language) changes.language = form.language || null
  if (form.segment !== base.segment) {
    changes.segment = form.segment === 'A' || form.segment === 'B' || form.segment === 'C' ? form.segment : null
  }
  if (form.account_manager_id !== base.account_manager_id) changes.account_manager_id = form.account_manager_id.trim() || null
  if (form.tags !== base.tags) changes.tags = tagsOf(form.tags)
  if (form.notes !== base.notes) changes.notes = form.notes
  const points = form.contact_points.filter((point) => point.value.trim() !== '')
  if (!same(points, base.contact_points)) {
    changes.contact_points = points.map((point) => ({ kind: point.kind, value: point.value.trim(), label: point.label.trim() }))
  }
  const consents = CHANNELS.flatMap((channel) => {
    const state = CONSENTS.find((one) => one === form.consents[channel])
    return state !== undefined && state !== base.consents[channel] ? [{ channel, state }] : []
  })
  if (consents.length > 0) changes.consents = consents
  const kinds = new Map(fields.map((field) => [field.field_id, field.kind]))
  const custom = Object.entries(form.custom).filter(([id, text]) => text !== base.custom[id])
  if (custom.length > 0) {
    changes.custom = Object.fromEntries(custom.map(([id, text]) => [id, customValue(text, kinds.get(id))]))
  }
  return Object.keys(changes).length === 0 ? null : changes
}
