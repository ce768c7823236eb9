import { describe, expect, it } from 'vitest'

import { errorWords } from './error_words'

const t = (key: string, values?: Readonly<Record<string, string>>) => `${key} ${Object.values(values ?? {}).join(' ')}`.trim()

describe('why a delivery failed', () => {
  it.each([
    ['crm.example.org cannot be asked: ConnectError', 'hooks.why.unreachable crm.example.org ConnectError'],
    ['crm has no address; mend the name where it is set', 'hooks.why.noAddress crm'],
    ['crm is an address inside the house (10.0.0.5); allow its network in the settings', 'hooks.why.inside crm 10.0.0.5'],
    ['no answer within 15 s', 'hooks.why.slow 15'],
    ['switched off', 'hooks.why.switchedOff'],
    ['nothing was taken for a day; the last time: it answers 503', 'hooks.why.aDay hooks.why.status 503'],
    ['something new', 'something new'],
  ])('%s', (told, words) => {
    expect(errorWords(told, t)).toBe(words)
  })
})
