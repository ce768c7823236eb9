/** The prompts as the server tells of them, and what can be done about them. */
import { call, signedOut } from '@/api/client'
import { NoAnswer, ServerSaidNo } from '@/api/errors'

export type PromptState = 'recorded' | 'made' | 'variables' | 'missing'

export interface RecordedSound {
  readonly seconds: number
  readonly level_db: number
  readonly peak_db: number
  readonly came_level_db: number
  readonly format: string
  readonly shape: readonly number[]
}

export interface Recording {
  readonly version: number
  readonly at: string
  readonly by: string
  readonly change: 'recorded' | 'removed' | 'restored' | 'found'
  readonly sound: RecordedSound | null
  readonly restored: number | null
}

export interface PromptText {
  readonly language: string
  readonly voice: string
  readonly text: string
  readonly variables: readonly string[]
  readonly state: PromptState
  readonly seconds: number | null
  readonly file: string | null
  readonly recording: Recording | null
}

export interface Prompt {
  readonly prompt_set: string
  readonly prompt: string
  readonly of_queues: boolean
  readonly texts: readonly PromptText[]
}

export interface PromptList {
  readonly items: readonly Prompt[]
  readonly formats: readonly string[]
  readonly longest_seconds: number
  readonly largest_bytes: number
}

const UPLOAD_TIMEOUT_MS = 150_000

function path(prompt: Prompt, text: PromptText): string {
  return `/prompts/${prompt.prompt_set}/${prompt.prompt}/${text.voice}`
}

/** Where the sound of a prompt is heard; another address after each change, so that no player keeps the old one. */
export function audioAddress(prompt: Prompt, text: PromptText): string {
  return `/api/v1${path(prompt, text)}/audio?of=${text.recording?.version ?? text.state}`
}

export function versionAddress(prompt: Prompt, text: PromptText, version: number): string {
  return `/api/v1${path(prompt, text)}/recording/history/${version}/audio`
}

export const promptApi = {
  list: () => call<PromptList>('GET', '/prompts'),
  history: async (prompt: Prompt, text: PromptText) =>
    (await call<{ items: Recording[] }>('GET', `${path(prompt, text)}/recording/history`)).items,
  remove: (prompt: Prompt, text: PromptText) => call<Prompt>('DELETE', `${path(prompt, text)}/recording`),
  restore: (prompt: Prompt, text: PromptText, version: number) =>
    call<Prompt>('POST', `${path(prompt, text)}/recording/restore`, { version }),
}

/** Sends a sound; `told` hears how much of it is on its way, 0 to 1. */
export function upload(prompt: Prompt, text: PromptText, sound: Blob, told: (part: number) => void): Promise<Prompt> {
  return new Promise((resolve, reject) => {
    // Only this interface tells how far an upload is.
    const request = new XMLHttpRequest()
    request.open('PUT', `/api/v1${path(prompt, text)}/recording`)
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
      const answer = request.response as (Prompt & { code?: string; detail?: string }) | null
      if (request.status === 200 && answer !== null) {
        resolve(answer)
        return
      }
      if (request.status === 401) signedOut()
      reject(new ServerSaidNo(request.status, answer?.code ?? `http_${request.status}`, answer?.detail ?? '', null))
    }
    request.send(sound)
  })
}
