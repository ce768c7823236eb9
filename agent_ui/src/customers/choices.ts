/** Codes that the business keeps, as a form offers them. */
import type { CaseCode } from '@/api/customers'

/** Those in use, and `own`, which what is shown may still have. */
export function choicesOf(list: readonly CaseCode[], own: string, label: (of: CaseCode['label']) => string): { value: string; label: string }[] {
  return list.filter((one) => !one.retired || one.code === own).map((one) => ({ value: one.code, label: label(one.label) }))
}
