/** What an erasure's counts and steps mean to people. */
import type { Erasure } from './privacy_api'

export type Fate = 'deleted' | 'blanked' | 'kept' | 'other'

/** The matrix of docs/privacy.md. */
const FATES: Readonly<Record<Exclude<Fate, 'other'>, readonly string[]>> = {
  deleted: [
    'contact_points', 'customer_terms', 'external_ids', 'customer_numbers', 'memberships', 'customer_notes', 'tasks', 'reminders',
    'customer_changes', 'customer_merges', 'merge_moves', 'messages', 'segment_members', 'hook_deliveries', 'recordings', 'import_files',
  ],
  blanked: [
    'customers', 'cases', 'orders', 'order_lines', 'opportunities', 'surveys', 'survey_answers', 'interactions', 'legs', 'events',
    'audit', 'notices', 'imports', 'logs_overwritten',
  ],
  kept: ['case_interactions', 'offers', 'customer_values', 'value_changes', 'accesses', 'erasures'],
}

export interface Counted {
  readonly table: string
  readonly count: number
}

/** Tables in which there is something of him, by what becomes of it; a table this page does not know is not left out. */
export function byFate(counts: Readonly<Record<string, number>>): { fate: Fate; tables: Counted[] }[] {
  const fateOf = (table: string): Fate => (['deleted', 'blanked', 'kept'] as const).find((fate) => FATES[fate].includes(table)) ?? 'other'
  const there = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([table, count]) => ({ table, count, fate: fateOf(table) }))
    .sort((one, other) => other.count - one.count || one.table.localeCompare(other.table))
  return (['deleted', 'blanked', 'kept', 'other'] as const)
    .map((fate) => ({ fate, tables: there.filter((one) => one.fate === fate).map(({ table, count }) => ({ table, count })) }))
    .filter((one) => one.tables.length > 0)
}

export const steps = ['begin', 'files', 'events', 'rows', 'remains'] as const

export type StepState = 'done' | 'now' | 'later'

export function stepStates(erasure: Pick<Erasure, 'state' | 'step'>): { step: (typeof steps)[number]; state: StepState }[] {
  const at = erasure.state === 'done' || erasure.step === 'end' ? steps.length : steps.indexOf(erasure.step)
  return steps.map((step, index) => ({ step, state: index < at ? 'done' : index > at ? 'later' : erasure.state === 'waiting' ? 'later' : 'now' }))
}

/** Whether the order may be given; whether the name is right, the server says. */
export function mayErase(typed: string, plan: { open_cases: number; in_house: boolean } | null, casesToo: boolean): boolean {
  return plan !== null && typed.trim() !== '' && !plan.in_house && (plan.open_cases === 0 || casesToo)
}
