/** Segments as the server keeps them. */
import { call, send } from '@/api/client'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Segment = Schemas['Segment']
export type SegmentView = Schemas['SegmentView']
export type SegmentField = Schemas['SegmentField']
export type SegmentPage = Schemas['SegmentPage']

const PATIENCE_MS = 70_000

function path(id: string): string {
  return `/segments/${encodeURIComponent(id)}`
}

async function slow<T>(where: string, body: unknown): Promise<T> {
  const response = await send('POST', where, body, false, {}, PATIENCE_MS)
  return (await response.json()) as T
}

export function exportAddress(id: string, format: 'csv' | 'xlsx'): string {
  return `/api/v1${path(id)}/export?format=${format}`
}

export const segmentApi = {
  list: () => call<{ items: SegmentView[] }>('GET', '/segments'),
  fields: () => call<{ items: SegmentField[] }>('GET', '/segment-fields'),
  history: (id: string) => call<{ items: Segment[] }>('GET', `${path(id)}/history`),
  count: (condition: string) => slow<{ count: number }>('/segment-preview/count', { condition }),
  customers: (condition: string, after: string | null) =>
    slow<SegmentPage>('/segment-preview/customers', after === null ? { condition } : { condition, after }),
  /** Version 0 is that of a segment which is not there yet. */
  save: async (id: string, label: string, condition: string, version: number): Promise<Segment> => {
    const response = await send('PUT', path(id), { label, condition }, false, { 'If-Match': `"${version}"` })
    return (await response.json()) as Segment
  },
  remove: async (id: string): Promise<void> => {
    await send('DELETE', path(id))
  },
  undo: (id: string, version: number) => call<Segment>('POST', `${path(id)}/undo`, { version }),
}
