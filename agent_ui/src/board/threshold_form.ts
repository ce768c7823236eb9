/** The form of one's own thresholds: texts as typed, checked before they are sent. */
import type { Thresholds } from './tones'

export const FIELDS = [
  { name: 'waiting', warn: 'waiting_warn', bad: 'waiting_bad', highest: 10_000, falls: false },
  { name: 'longest', warn: 'longest_warn_seconds', bad: 'longest_bad_seconds', highest: 86_400, falls: false },
  { name: 'level', warn: 'service_level_warn', bad: 'service_level_bad', highest: 100, falls: true },
] as const

export type Typed = Record<keyof Thresholds, string>
export type Fault = { readonly key: 'number' | 'wrongOrder'; readonly highest: number }

export function typedOf(thresholds: Thresholds | undefined): Typed {
  const told = (value: number | null | undefined): string => (value === null || value === undefined ? '' : String(value))
  const found = {} as Typed
  for (const field of FIELDS) {
    found[field.warn] = told(thresholds?.[field.warn])
    found[field.bad] = told(thresholds?.[field.bad])
  }
  return found
}

/** What the text of one field means: a number, nothing (null), or no number at all (undefined). */
export function read(text: string, highest: number): number | null | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return null
  if (!/^\d{1,6}$/.test(trimmed)) return undefined
  const value = Number(trimmed)
  return value <= highest ? value : undefined
}

export function faultsOf(typed: Typed): Partial<Record<keyof Thresholds, Fault>> {
  const faults: Partial<Record<keyof Thresholds, Fault>> = {}
  for (const field of FIELDS) {
    const [warn, bad] = [read(typed[field.warn], field.highest), read(typed[field.bad], field.highest)]
    if (warn === undefined) faults[field.warn] = { key: 'number', highest: field.highest }
    if (bad === undefined) faults[field.bad] = { key: 'number', highest: field.highest }
    if (typeof warn === 'number' && typeof bad === 'number' && (field.falls ? bad > warn : bad < warn)) {
      faults[field.bad] = { key: 'wrongOrder', highest: field.highest }
    }
  }
  return faults
}

function typedNothing(): Thresholds {
  return { waiting_warn: null, waiting_bad: null, longest_warn_seconds: null, longest_bad_seconds: null, service_level_warn: null, service_level_bad: null }
}

/** Of a form without faults; null where nothing is set. */
export function thresholdsOf(typed: Typed): Thresholds | null {
  const found = typedNothing()
  for (const field of FIELDS) {
    found[field.warn] = read(typed[field.warn], field.highest) ?? null
    found[field.bad] = read(typed[field.bad], field.highest) ?? null
  }
  return Object.values(found).every((value) => value === null) ? null : found
}
