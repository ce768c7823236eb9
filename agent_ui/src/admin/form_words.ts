/** The words of the forms for what changes call by its name: a field, or a line of the whole as one file. */
import type { Label } from '@/api/documents'

import type { DifferentLine, Form, Part } from './admin_api'
import { PARTS } from './pages'

interface Step {
  readonly indent: number
  readonly key: string
}

const KEY = /^( *)(?:- )?([^\s:#{}[\],]+|"[^"]*"|'[^']*'):(?: |$)/u

/** As the form calls the field; of what stands inside of one (`boosts.classes.A`) the field's words and the rest of the way. */
export function fieldWords(forms: readonly Form[], part: Part, field: string): { label: Label | null; rest: readonly string[] } {
  const fields = forms.find((form) => form.part === part)?.fields ?? []
  const way = field.split('.')
  for (let known = way.length; known > 0; known -= 1) {
    const found = fields.find((one) => one.name === way.slice(0, known).join('.'))
    if (found !== undefined) return { label: found.label as Label, rest: way.slice(known) }
  }
  return { label: null, rest: way }
}

/** Where one stands after this line: its key below those that are further out; a line of a list stays below its list. */
function after(way: readonly Step[], line: string): readonly Step[] {
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return way
  const indent = line.length - line.trimStart().length
  if (text.startsWith('- ')) return way.filter((step) => step.indent <= indent)
  const key = KEY.exec(line)?.[2]
  const above = way.filter((step) => step.indent < indent)
  return key === undefined ? above : [...above, { indent, key: key.replace(/^["']|["']$/gu, '') }]
}

/** What each of the lines is about: the part of the configuration, and of a line inside an item its field as `a.b`. */
export function placesOf(lines: readonly DifferentLine[], text: string): readonly ({ part: Part; field: string | null } | null)[] {
  const ways: (readonly Step[])[] = []
  let way: readonly Step[] = []
  for (const line of text.split('\n')) {
    way = after(way, line)
    ways.push(way)
  }
  way = []
  return lines.map((line) => {
    if (line.kind === 'gap') return null
    // Of a line that is gone the ones around it say where it stood.
    way = (line.after === null ? undefined : ways[line.after - 1]) ?? after(way, line.text)
    if (line.text.trim() === '' || line.text.trim().startsWith('#')) return null
    const part = PARTS.find((one) => one === way[0]?.key)
    if (part === undefined) return null
    return { part, field: way.length > 2 ? way.slice(2).map((step) => step.key).join('.') : null }
  })
}
