/** Why a try of a delivery failed, or a hook was paused, in the page's words; what is not known stays as the server says it. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/^(?<host>\S+) cannot be asked: (?<what>\w+)$/, 'unreachable'],
  [/^(?<host>\S+) has no address; /, 'noAddress'],
  [/^(?<host>\S+) is an address inside the house \((?<address>[^)]+)\)/, 'inside'],
  [/^no answer within (?<seconds>[\d.]+) s$/, 'slow'],
  [/^it answers (?<status>\d+)$/, 'status'],
  [/^switched off$/, 'switchedOff'],
  [/^the receiver answers that it is gone for good/, 'gone'],
]
const LAST = /^nothing was taken for a day; the last time: (.*)$/

type Words = (key: string, values?: Readonly<Record<string, string>>) => string

export function errorWords(told: string, t: Words): string {
  const last = LAST.exec(told)?.[1]
  if (last !== undefined) return t('hooks.why.aDay', { last: errorWords(last, t) })
  for (const [pattern, key] of KNOWN) {
    const found = pattern.exec(told)
    if (found !== null) return t(`hooks.why.${key}`, { ...found.groups })
  }
  return told
}
