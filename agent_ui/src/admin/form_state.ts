/**
 * A document of the configuration as the values of a form, and back.
 *
 * Law: what is as usual is left out, so a form that nobody touched sends back what was read.
 */
import type { Field, Json, Table } from './admin_api'

export type Values = Record<string, Json>

export interface Fault {
  where: string
  message: string
}

/** What is at a path with dots; undefined where nothing is. */
export function valueAt(table: Json | undefined, path: string): Json | undefined {
  let found: Json | undefined = table
  for (const name of path.split('.')) {
    if (found === null || typeof found !== 'object' || Array.isArray(found)) return undefined
    found = found[name]
  }
  return found
}

export function equal(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false
    return one.every((inner, index) => equal(inner, other[index]))
  }
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => equal(one[name], other[name]))
}

/** A field's value where nothing is said and nothing is usual. */
export function blank(field: Field): Json {
  switch (field.kind) {
    case 'label':
    case 'script':
      return { zh: '', en: '' }
    case 'levels':
    case 'points':
    case 'texts':
    case 'week':
    case 'special_days':
    case 'preferences':
      return {}
    case 'words':
    case 'prompts':
    case 'days':
    case 'choices':
    case 'steps':
      return []
    case 'yes_no':
    case 'switch':
      return false
    case 'phone':
      return { kind: 'sip' }
    default:
      return ''
  }
}

export function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return true
  if (Array.isArray(value)) return value.length === 0
  // A text of which nothing is written in any language.
  if (typeof value === 'object' && 'zh' in value && 'en' in value) return value['zh'] === '' && value['en'] === ''
  return typeof value === 'object' && Object.keys(value).length === 0
}

function copy(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

export function valuesOf(fields: readonly Field[], document: Table): Values {
  const values: Values = {}
  for (const field of fields) {
    const said = valueAt(document, field.name)
    const usual = field.usual as Json
    if (field.kind === 'switch') values[field.name] = said === undefined ? usual === true : said !== false
    else values[field.name] = copy(said ?? usual ?? blank(field))
  }
  return values
}

/** The switches above a field that are off hide it, and a choice with which it means nothing. */
export function isShown(field: Field, fields: readonly Field[], values: Values): boolean {
  if (field.name === 'skills' && fields.some((other) => other.kind === 'steps')) return isEmpty(values['steps'])
  // With some choices a field means nothing; what was typed in it is left out then, and is there again with another choice.
  if (field.governed_by !== '' && !field.governing.some((one) => one === values[field.governed_by])) return false
  return !fields.some((other) => other.kind === 'switch' && field.name.startsWith(`${other.name}.`) && values[other.name] !== true)
}

function put(table: Table, path: string, value: Json): void {
  const names = path.split('.')
  const last = names.pop()
  let inner = table
  for (const name of names) {
    const found = inner[name]
    if (found === undefined || found === null || typeof found !== 'object' || Array.isArray(found)) inner[name] = {}
    inner = inner[name] as Table
  }
  if (last !== undefined) inner[last] = value
}

export function documentOf(fields: readonly Field[], values: Values): Table {
  const document: Table = {}
  for (const field of fields) {
    const value = values[field.name] ?? blank(field)
    const usual = field.usual as Json
    if (!isShown(field, fields, values)) continue
    if (field.kind === 'switch') {
      if (value !== true && usual === true) put(document, field.name, false)
      if (value === true && usual !== true && valueAt(document, field.name) === undefined) put(document, field.name, {})
      continue
    }
    if (isEmpty(value)) {
      // An empty list may be what is meant where something else is usual; an empty text never is.
      if (!isEmpty(usual) && typeof value === 'object' && value !== null) put(document, field.name, copy(value))
      continue
    }
    if (usual !== null && equal(value, usual)) continue
    put(document, field.name, copy(value))
  }
  return document
}

/** What the server said, by the field it is about; what fits no field stands under ''. */
export function faultsByField(fields: readonly Field[], faults: readonly Fault[]): Record<string, Fault[]> {
  const found: Record<string, Fault[]> = {}
  for (const fault of faults) {
    const of = fields
      .filter((field) => fault.where === field.name || fault.where.startsWith(`${field.name}.`))
      .sort((one, other) => other.name.length - one.name.length)[0]
    const name = of?.name ?? ''
    ;(found[name] ??= []).push(fault)
  }
  return found
}

export interface Merged {
  values: Values
  /** What somebody else made different, and what becomes of it: theirs, or mine where both changed it. */
  theirs: { name: string; before: Json; now: Json; mine: Json; kept: 'theirs' | 'mine' }[]
}

/** Mine over what somebody else has saved meanwhile: fields I did not touch take theirs. */
export function merge(fields: readonly Field[], base: Values, mine: Values, now: Values): Merged {
  const values: Values = {}
  const theirs: Merged['theirs'] = []
  for (const { name } of fields) {
    const [was, is, own] = [base[name] ?? null, now[name] ?? null, mine[name] ?? null]
    const untouched = equal(own, was)
    values[name] = copy(untouched ? is : own)
    if (!equal(was, is) && !equal(own, is)) {
      theirs.push({ name, before: was, now: is, mine: own, kept: untouched ? 'theirs' : 'mine' })
    }
  }
  return { values, theirs }
}

/** A value in few words, for lists and differences. */
export function inWords(value: Json | undefined): string {
  if (value === undefined || value === null || value === '') return '–'
  if (typeof value === 'boolean') return value ? '✓' : '✗'
  if (Array.isArray(value)) return value.map(inWords).join('; ') || '–'
  if (typeof value === 'object') {
    return (
      Object.entries(value)
        .map(([name, inner]) => `${name} ${inWords(inner)}`)
        .join(', ') || '–'
    )
  }
  return String(value)
}
