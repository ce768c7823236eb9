/** The business's configuration over REST, as docs/api.md says. */
import { call, send } from '@/api/client'
import type { DifferentLine } from '@/api/flows'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Part = Schemas['Part']
export type AlertPreview = Schemas['AlertPreview']
export type Applied = Schemas['ConfigurationApplied']
export type Change = Schemas['ConfigurationChange']
export type Choice = Schemas['Choice']
export type Choices = Schemas['ConfigurationChoices']
export type ConfigurationText = Schemas['ConfigurationText']
export type { DifferentLine } from '@/api/flows'
export type Field = Schemas['FormField']
export type Form = Schemas['ConfigurationForm']
export type Item = Schemas['ConfigurationItem']
export type Items = Schemas['ConfigurationItems']
export type Preview = Schemas['QueuePreview']
export type Version = Schemas['ConfigurationVersionView']
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
export type Table = Record<string, Json>

export const ordered: readonly Part[] = ['reasons', 'dispositions']

export interface Question {
  at: string | null
  language: string
  customer_class: string
  open_complaint: boolean
  skills: Record<string, number>
  waited_seconds: number
}

const BASE = '/configuration'

function at(part: Part, item: string): string {
  return `${BASE}/${part}/items/${encodeURIComponent(item)}`
}

async function told<T>(response: Response): Promise<T> {
  return (await response.json()) as T
}

let known: Promise<Form[]> | null = null

export const adminApi = {
  /** The same as long as the page lives: only another program has other fields. */
  forms: (): Promise<Form[]> => {
    known ??= call<{ items: Form[] }>('GET', `${BASE}/forms`).then((found) => found.items)
    known.catch(() => (known = null))
    return known
  },
  choices: () => call<Choices>('GET', `${BASE}/choices`),
  items: (part: Part) => call<Items>('GET', `${BASE}/${part}`),
  item: (part: Part, item: string) => call<Item>('GET', at(part, item)),
  /** `etag` null: it must not be there yet. */
  put: async (part: Part, item: string, document: Table, etag: string | null, note: string) => {
    const condition: Record<string, string> = etag === null ? { 'If-None-Match': '*' } : { 'If-Match': etag }
    const path = `${at(part, item)}?note=${encodeURIComponent(note)}`
    return told<Applied>(await send('PUT', path, document, false, condition))
  },
  remove: async (part: Part, item: string, etag: string) =>
    told<Applied>(await send('DELETE', at(part, item), undefined, false, { 'If-Match': etag })),
  order: (part: Part, order: readonly string[]) => call<Applied>('PUT', `${BASE}/${part}/order`, { order }),
  preview: (queue: string, question: Question, document: Table | null) =>
    call<Preview>('POST', `${BASE}/queues/${encodeURIComponent(queue)}/preview`, { ...question, document }),

  lookForAlerts: (alert: string, document: Table) =>
    call<AlertPreview>('POST', `${BASE}/alerts/${encodeURIComponent(alert)}/preview`, { document }),

  versions: async (before: number | null) =>
    (await call<{ items: Version[] }>('GET', `${BASE}/versions${before === null ? '' : `?before=${before}`}`)).items,
  version: (version: number) => call<ConfigurationText>('GET', `${BASE}/versions/${version}`),
  differences: async (version: number) =>
    (await call<{ lines: DifferentLine[] }>('GET', `${BASE}/versions/${version}/differences`)).lines,
  undo: (version: number, note: string) => call<Applied>('POST', `${BASE}/versions/${version}/undo`, { note }),
  restore: (version: number, note: string) => call<Applied>('POST', `${BASE}/versions/${version}/restore`, { note }),

  text: () => call<ConfigurationText>('GET', `${BASE}/text`),
  check: (text: string, removeMissing: boolean) =>
    call<Applied>('POST', `${BASE}/text/check`, { text, remove_missing: removeMissing }),
  compare: async (text: string) =>
    (await call<{ lines: DifferentLine[] }>('POST', `${BASE}/text/compare`, { text })).lines,
  apply: async (text: string, removeMissing: boolean, note: string, version: number) => {
    const body = { text, remove_missing: removeMissing, note }
    return told<Applied>(await send('PUT', `${BASE}/text`, body, false, { 'If-Match': `"${version}"` }))
  },
}
