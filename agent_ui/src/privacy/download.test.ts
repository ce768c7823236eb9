import { describe, expect, it } from 'vitest'

import { NoAnswer } from '@/api/errors'

import { inKilobytes, type Progress, readWhole } from './download'

function answer(pieces: number[], headers: Record<string, string>): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const length of pieces) controller.enqueue(new Uint8Array(length))
      controller.close()
    },
  })
  return new Response(body, { headers })
}

describe('reading a file with its progress', () => {
  it('tells each piece and hands over all of them', async () => {
    const told: Progress[] = []
    const blob = await readWhole(answer([3, 5], { 'Content-Length': '8', 'Content-Type': 'application/zip' }), (one) => told.push(one))
    expect(told).toEqual([0, 3, 8].map((bytes) => ({ bytes, total: 8 })))
    expect([blob.size, blob.type]).toEqual([8, 'application/zip'])
  })

  it('is no file when less arrived than was promised', async () => {
    await expect(readWhole(answer([3], { 'Content-Length': '8' }), () => undefined)).rejects.toThrow(NoAnswer)
  })

  it('does not believe the length of a packed answer', async () => {
    const told: Progress[] = []
    await readWhole(answer([30], { 'Content-Length': '8', 'Content-Encoding': 'gzip' }), (one) => told.push(one))
    expect(told.at(-1)).toEqual({ bytes: 30, total: null })
  })
})

it('says sizes as people do', () => {
  expect([inKilobytes(0), inKilobytes(1), inKilobytes(2 * 1_048_576)]).toEqual(['0 kB', '1 kB', '2.0 MB'])
})
