/** The prompts as the server tells of them, and what can be done about them. */
import { call, signedOut } from '@/api/client'
import { NoAnswer, ServerSaidNo } from '@/api/errors'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type PromptState = Schemas['PromptState']
export type RecordedSound = Schemas['RecordedSound']
export type Recording = Schemas['Recording']
export type PromptText = Schemas['PromptTextView']
export type Prompt = Schemas['PromptView']
export type PromptList = Schemas['PromptList']

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
