import { afterEach, describe, expect, it, vi } from 'vitest'

import { send } from './client'
import { ServerSaidNo } from './errors'

afterEach(() => vi.unstubAllGlobals())

function refuse(body: object): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(body), { status: 422, headers: { 'Content-Type': 'application/problem+json' } })))
}

describe('a refusal', () => {
  it('brings what the server says in both languages', async () => {
    refuse({ code: 'segment_invalid', detail: 'at character 3: no', said: { zh: '第 3 个字符：不行', en: 'at character 3: no' } })
    const error = await send('GET', '/x').catch((problem: unknown) => problem)
    expect(error).toBeInstanceOf(ServerSaidNo)
    expect((error as ServerSaidNo).said).toEqual({ zh: '第 3 个字符：不行', en: 'at character 3: no' })
  })

  it('has its detail alone where the code tells all', async () => {
    refuse({ code: 'outdated', detail: 'read it again' })
    const error = await send('GET', '/x').catch((problem: unknown) => problem)
    expect((error as ServerSaidNo).said).toBeNull()
  })
})
