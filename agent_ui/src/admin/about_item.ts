/** What a list of items says of each beside its name: its most telling fields, in the reader's words. */
import type { Label } from '@/api/documents'
import { formatDuration } from '@/time/duration'

import type { Form, Json, Part } from './admin_api'
import { inWords } from './form_state'

const TELLING: Partial<Record<Part, readonly string[]>> = {
  queues: ['steps', 'skills', 'agent_choice', 'hours'],
  agents: ['skills', 'groups', 'phone'],
  hours: ['timezone', 'holidays', 'week'],
  numbers: ['flow'],
  reasons: ['limit_seconds'],
  alerts: ['kind', 'queue', 'threshold'],
  roles: ['see_numbers'],
  retention: ['days'],
  connectors: ['look_up', 'log_calls'],
}
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

export interface Words {
  label: (words: Label) => string
  t: (key: string, values?: Readonly<Record<string, unknown>>) => string
}

/** The days of a week with their times; days in a row that are alike stand together. */
function weekOf(week: Readonly<Record<string, readonly string[]>>, { t }: Words): string {
  const runs: { first: string; last: string; times: string }[] = []
  for (const day of DAYS) {
    const times = (week[day] ?? []).join(', ')
    const before = runs.at(-1)
    if (before?.times === times) before.last = day
    else runs.push({ first: day, last: day, times })
  }
  const name = (day: string): string => t(`admin.week.days.${day}`)
  return runs
    .filter((run) => run.times !== '')
    .map((run) => `${name(run.first)}${run.first === run.last ? '' : ` – ${name(run.last)}`} ${run.times}`)
    .join(', ')
}

export function aboutItem(part: Part, document: Readonly<Record<string, Json>>, forms: readonly Form[], words: Words): string {
  const fields = forms.find((form) => form.part === part)?.fields ?? []
  const told = (name: string): string => {
    const value = document[name]
    const choice = fields.find((field) => field.name === name)?.choices.find((one) => one.value === value)
    if (choice !== undefined) return words.label(choice.label as Label)
    if (name === 'steps') return (value as { who?: string }[]).map((step) => step.who ?? '').join(' → ')
    if (name === 'week') return weekOf(value as Record<string, string[]>, words)
    if (name === 'limit_seconds' && typeof value === 'number') return formatDuration(value)
    if (name === 'days') return words.t('privacy.retention.daysOf', { days: value })
    return inWords(value)
  }
  return (TELLING[part] ?? [])
    .filter((name) => name in document && document[name] !== null)
    .map(told)
    .join(' · ')
}
