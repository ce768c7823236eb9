/** Imports as the server tells of them, and what can be done about them. */
import { call, signedOut } from '@/api/client'
import { NoAnswer, ServerSaidNo } from '@/api/errors'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type RecordKind = Schemas['RecordKind']
export type ImportState = Schemas['ImportState']
export type Mapping = Schemas['ColumnMapping']
export type Counts = Schemas['ImportCounts']
export type Import = Schemas['ImportView']
export type Fault = Schemas['RowFault']
export type Preview = Schemas['PreviewView']
export type ImportPage = Schemas['ImportList']

export const LARGEST_BYTES = 512 * 1024 * 1024
export const KEYS = ['record_id', 'external_id', 'customer_number', 'phone', 'email'] as const
export const ENCODINGS = ['utf-8', 'gb18030', 'utf-16', 'big5', 'windows-1252'] as const
export const DELIMITERS = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar' } as const
const UPLOAD_TIMEOUT_MS = 900_000

function path(id: string): string {
  return `/imports/${encodeURIComponent(id)}`
}

export function badRowsAddress(one: Import, language: 'zh' | 'en'): string {
  return `/api/v1${path(one.import_id)}/bad-rows?language=${language}`
}

/** Where a list is taken out; what is left open chooses nothing. */
export function exportAddress(kind: RecordKind, asked: Readonly<Record<string, string>>): string {
  const given = Object.entries(asked).filter(([, value]) => value !== '')
  return `/api/v1/exports/${kind}?${new URLSearchParams(given).toString()}`
}

/** What is looked at anew: by another mapping, or read in another way. */
export interface Look {
  mapping?: Mapping
  encoding?: string
  delimiter?: string
  has_header?: boolean
}

export const importApi = {
  list: (before: number | null) => call<ImportPage>('GET', before === null ? '/imports' : `/imports?before=${before}`),
  preview: (id: string, body: Look) => call<Preview>('POST', `${path(id)}/preview`, body),
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
