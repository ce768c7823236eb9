/** Imports as the server tells of them, and what can be done about them. */
import { call, signedOut } from '@/api/client'
import type { Label } from '@/api/documents'
import { NoAnswer, ServerSaidNo } from '@/api/errors'

export type RecordKind = 'customers' | 'orders'
export type ImportState = 'uploaded' | 'waiting' | 'running' | 'done' | 'cancelled' | 'failed'

export interface Mapping {
  readonly columns: readonly (string | null)[]
  readonly key: string | null
  readonly source: string
}

export interface Counts {
  readonly made: number
  readonly changed: number
  readonly same: number
  readonly bad: number
}

export interface Import extends Counts {
  readonly import_id: string
  readonly number: number
  readonly kind: RecordKind
  readonly file_name: string
  readonly format: 'csv' | 'xlsx'
  readonly encoding: string
  readonly header: readonly string[]
  readonly state: ImportState
  readonly dry_run: boolean
  readonly created_at: string
  readonly created_by: string
  readonly started_by: string | null
  readonly error: string | null
  readonly part: number
  readonly rows: number
  readonly checked: Counts | null
  readonly rows_per_second: number | null
  readonly seconds_left: number | null
  readonly has_file: boolean
  readonly has_bad_rows: boolean
}

export interface Fault {
  readonly row: number
  readonly column: string
  readonly value: string
  readonly wrong: string
  readonly wanted: string
  readonly reason: Label
}

export interface Preview {
  readonly record: Import
  readonly rows: readonly (readonly string[])[]
  readonly mapping: Mapping
  readonly remembered: boolean
  readonly fields: readonly { readonly name: string; readonly label: Label | null }[]
  readonly faults: readonly Fault[]
  readonly mapping_fault: string | null
  readonly examined_rows: number
}

export interface ImportPage {
  readonly items: readonly Import[]
  readonly next_before: number | null
  readonly customers_owed: number
}

export const LARGEST_BYTES = 512 * 1024 * 1024
export const KEYS = ['external_id', 'customer_number', 'phone', 'email'] as const
export const ENCODINGS = ['utf-8', 'gb18030', 'utf-16', 'big5', 'windows-1252'] as const
const UPLOAD_TIMEOUT_MS = 900_000

function path(id: string): string {
  return `/imports/${encodeURIComponent(id)}`
}

export function badRowsAddress(one: Import): string {
  return `/api/v1${path(one.import_id)}/bad-rows`
}

export function exportAddress(kind: RecordKind, format: 'csv' | 'xlsx', encoding: 'utf-8' | 'gb18030' = 'utf-8'): string {
  return `/api/v1/exports/${kind}?format=${format}&encoding=${encoding}`
}

export const importApi = {
  list: (before: number | null) => call<ImportPage>('GET', before === null ? '/imports' : `/imports?before=${before}`),
  preview: (id: string, body: { mapping?: Mapping; encoding?: string }) => call<Preview>('POST', `${path(id)}/preview`, body),
  start: (id: string, mapping: Mapping, dryRun: boolean) =>
    call<Import>('POST', `${path(id)}/start`, { mapping, dry_run: dryRun }),
  cancel: (id: string) => call<Import>('POST', `${path(id)}/cancel`),
}

/** Sends a file; `told` hears how much of it is on its way, 0 to 1. */
export function bring(file: File, kind: RecordKind, told: (part: number) => void): Promise<Import> {
  return new Promise((resolve, reject) => {
    // Only this interface tells how far an upload is.
    const request = new XMLHttpRequest()
    request.open('POST', `/api/v1/imports?kind=${kind}&file_name=${encodeURIComponent(file.name.slice(0, 200))}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.timeout = UPLOAD_TIMEOUT_MS
    request.responseType = 'json'
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) told(event.loaded / event.total)
    }
    request.onerror = () => {
      reject(new NoAnswer('the upload was cut off'))
    }
    request.ontimeout = () => {
      reject(new NoAnswer('the upload took too long'))
    }
    request.onload = () => {
      const answer = request.response as (Import & { code?: string; detail?: string }) | null
      if (request.status === 201 && answer !== null) {
        resolve(answer)
        return
      }
      if (request.status === 401) signedOut()
      reject(new ServerSaidNo(request.status, answer?.code ?? `http_${request.status}`, answer?.detail ?? '', null))
    }
    request.send(file)
  })
}
