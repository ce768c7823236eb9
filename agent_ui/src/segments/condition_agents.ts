/** The agents a condition names as account managers, and one more put into it. */
const LITERAL = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g
const TEST = /\baccount_manager\s*(?:==|=|!=|<>|(?:not\s+)?in\s*\()\s*((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\s,])+)/gi
/** What stands before the caret where only the id is missing: behind a comparison, or in an open list. */
const WANTS_ID = /\baccount_manager\s*(?:==|=|!=|<>)\s*$/i
const IN_LIST = /\baccount_manager\s+(?:not\s+)?in\s*\(([^)]*)$/i

/** Their ids, each once, in the order of the condition. */
export function agentsIn(condition: string): string[] {
  const found = new Set<string>()
  for (const test of condition.matchAll(TEST)) {
    for (const literal of (test[1] ?? '').matchAll(LITERAL)) found.add((literal[1] ?? literal[2] ?? '').replace(/\\(.)/g, '$1'))
  }
  return [...found]
}

/** The condition with this agent where the caret was; `caret` is behind what was put in. */
export function withAgent(condition: string, from: number, to: number, id: string): { text: string; caret: number } {
  const before = condition.slice(0, from)
  const after = condition.slice(to)
  const quoted = `"${id.replace(/[\\"]/g, '\\$&')}"`
  const list = IN_LIST.exec(before)?.[1]
  let put = `account_manager = ${quoted}`
  if (WANTS_ID.test(before)) put = quoted
  else if (list !== undefined) put = list.trim() === '' || list.trimEnd().endsWith(',') ? quoted : `, ${quoted}`
  const gap = before === '' || /[\s(]$/.test(before) || put.startsWith(',') ? '' : ' '
  const whole = `${before}${gap}${put}`
  return { text: whole + (after === '' || /^[\s),]/.test(after) ? after : ` ${after}`), caret: whole.length }
}
