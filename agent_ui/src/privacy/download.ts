/** Reads an answer piece by piece, so that one sees how far it is, and hands it to the browser as a file. */
import { NoAnswer } from '@/api/errors'

export interface Progress {
  readonly bytes: number
  /** Null where the server does not say how long the answer is. */
  readonly total: number | null
}

/** The whole body; `NoAnswer` when it breaks off or is shorter than was promised. */
export async function readWhole(response: Response, told: (progress: Progress) => void): Promise<Blob> {
  const promised = Number.parseInt(response.headers.get('Content-Length') ?? '', 10)
  // Of a packed answer the promise is about other bytes than are read here.
  const packed = response.headers.get('Content-Encoding') !== null
  const total = Number.isNaN(promised) || packed ? null : promised
  const parts: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  told({ bytes, total })
  try {
    const reader = response.body?.getReader()
    for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
      parts.push(piece.value)
      bytes += piece.value.length
      told({ bytes, total })
    }
  } catch (error) {
    throw new NoAnswer(error instanceof Error ? error.message : String(error))
  }
  if (total !== null && bytes < total) throw new NoAnswer(`${bytes} of ${total} bytes arrived`)
  return new Blob(parts, { type: response.headers.get('Content-Type') ?? 'application/octet-stream' })
}

export function saveAs(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The browser has begun to read it by then; let go at once, some save an empty file.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export function inKilobytes(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1024).toLocaleString()} kB` : `${(bytes / 1_048_576).toFixed(1)} MB`
}
