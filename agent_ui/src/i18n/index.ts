/** The page's two languages: the browser's at first, then the one chosen, which is remembered. */
import { computed } from 'vue'
import { createI18n, useI18n } from 'vue-i18n'

import type { Label, Language, PhoneNumber } from '@/api/documents'
import { ClientError, ServerSaidNo } from '@/api/errors'

import { en } from './en'
import { isolatedValues } from './isolated'
import { zh } from './zh'

const STORED_AS = 'callcenter.language'

/** The first of the browser's languages that the page speaks; English when it speaks none. */
export function languageOf(preferred: readonly string[], stored: string | null): Language {
  if (stored === 'zh' || stored === 'en') return stored
  for (const tag of preferred) {
    const base = tag.toLowerCase().split('-')[0]
    if (base === 'zh' || base === 'en') return base
  }
  return 'en'
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED_AS)
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
    return null
  }
}

export const i18n = createI18n({
  legacy: false,
  locale: languageOf(navigator.languages, stored()),
  fallbackLocale: 'en',
  messages: { en, zh },
  datetimeFormats: {
    en: {
      day: { year: 'numeric', month: 'short', day: 'numeric' },
      moment: { weekday: 'short', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
      stamp: { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    },
    zh: {
      day: { year: 'numeric', month: 'short', day: 'numeric' },
      moment: { weekday: 'short', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
      stamp: { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    },
  },
})

/** Switches the whole page at once and remembers it. */
export function setLanguage(language: Language): void {
  i18n.global.locale.value = language
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  try {
    localStorage.setItem(STORED_AS, language)
  } catch {
    // See `stored`.
  }
}

/** Tells the document the language it starts in. */
export function markDocumentLanguage(): void {
  document.documentElement.lang = i18n.global.locale.value === 'zh' ? 'zh-CN' : 'en'
}

/** How components put documents into words of the present language. */
export function useWords() {
  const composer = useI18n()
  const { d, locale } = composer
  /** The words of a key; a number chooses between one and several. */
  function t(key: string, values?: Readonly<Record<string, unknown>> | number): string {
    if (values === undefined) return composer.t(key)
    return typeof values === 'number' ? composer.t(key, values) : composer.t(key, isolatedValues(values))
  }
  const te = (key: string): boolean => composer.te(key)
  const language = computed<Language>(() => (locale.value === 'zh' ? 'zh' : 'en'))

  function label(text: Label): string {
    return text[language.value] || text.en || text.zh
  }

  function labelOfCode(code: string | null, list: readonly { code: string; label: Label }[]): string {
    if (code === null || code === '') return ''
    const found = list.find((item) => item.code === code)
    return found === undefined ? code : label(found.label)
  }

  /** A code of a set the page knows (`pop.caseKind` and the like); one it does not know is shown as it is. */
  function known(set: string, code: string): string {
    return te(`${set}.${code}`) ? t(`${set}.${code}`) : code
  }

  function day(moment: string): string {
    const date = new Date(moment)
    return Number.isNaN(date.getTime()) ? moment : d(date, 'day')
  }

  /** A day and the time of it. */
  function moment(at: string): string {
    const date = new Date(at)
    return Number.isNaN(date.getTime()) ? at : d(date, 'moment')
  }

  /** A moment of any year. */
  function stamp(at: string): string {
    const date = new Date(at)
    return Number.isNaN(date.getTime()) ? at : d(date, 'stamp')
  }

  function number(phone: PhoneNumber): string {
    if (phone.withheld) return t('pop.withheld')
    return phone.national ?? phone.e164 ?? (phone.raw || t('pop.noNumber'))
  }

  function problem(error: unknown): string {
    if (!(error instanceof ClientError)) return error instanceof Error ? error.message : String(error)
    const told = error instanceof ServerSaidNo ? error.detail : error.message
    const detail = error instanceof ServerSaidNo && error.said !== null ? label(error.said) : told
    const seconds = error instanceof ServerSaidNo ? error.retryAfterSeconds : null
    return refusal(error.code, detail, { minutes: Math.ceil((seconds ?? 60) / 60) })
  }

  /** What a code of the server means; `number` is the first one in the detail, such as the row of a file. */
  function refusal(code: string, detail: string, more: Record<string, number> = {}): string {
    const values = { code, detail, number: /\d[\d,]*/.exec(detail)?.[0] ?? '?', ...more }
    const key = `errors.${code}`
    return te(key) ? t(key, values) : t('errors.other', values)
  }

  /** JsSIP's word for what went wrong, in ours where we have one. */
  function cause(word: string | null): string {
    if (word === null) return t('common.unknown')
    const key = `phone.cause.${word.replace(/\W+/g, '_').toLowerCase()}`
    return te(key) ? t(key) : word
  }

  return { t, te, language, label, labelOfCode, known, day, moment, stamp, number, problem, refusal, cause }
}
