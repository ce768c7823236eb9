/** A ground of a decision in words: its name, and its value where that says more than yes. */
import { useWords } from '@/i18n'

interface Part {
  readonly name: string
  readonly value: string
}

export function usePartText() {
  const { t, te, known } = useWords()

  /** `class A` and `language zh` carry what they are about behind their name. */
  function partName(name: string): string {
    const [first = '', ...rest] = name.split(' ')
    const key = `pop.part.${first}`
    if (!te(key)) return name
    return first === 'class' || first === 'language' ? [t(key), ...rest].join(' ') : t(key)
  }

  function partText(part: Part): string {
    if (part.value === 'true') return partName(part.name)
    const value = part.name === 'choice' ? known('pop.choice', part.value) : part.value
    return value === '' ? partName(part.name) : `${partName(part.name)}: ${value}`
  }

  return { partText }
}
