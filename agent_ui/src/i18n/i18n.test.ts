import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'

import { en } from './en'
import { languageOf } from './index'
import { zh } from './zh'

function leaves(value: object, path = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === 'string' ? [[`${path}${key}`, inner] as [string, string]] : leaves(inner as object, `${path}${key}.`),
  )
}

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort()
}

describe('the two languages', () => {
  it('have the same keys and the same places for values', () => {
    const chinese = new Map(leaves(zh))
    for (const [key, text] of leaves(en)) {
      expect(chinese.has(key), key).toBe(true)
      expect(placeholders(chinese.get(key) ?? ''), key).toEqual(placeholders(text))
    }
    expect(chinese.size).toBe(leaves(en).length)
  })

  it('can be said: no sign in a text that means something else to vue-i18n', () => {
    const { t, locale } = createI18n({ legacy: false, locale: 'en', messages: { en, zh } }).global
    for (const language of ['en', 'zh'] as const) {
      locale.value = language
      for (const [key] of leaves(en)) expect(() => t(key), `${language} ${key}`).not.toThrow()
    }
  })
})

describe('the first language', () => {
  it('is the one chosen before, else the first of the browser that the page speaks, else English', () => {
    expect(languageOf(['en-GB'], 'zh')).toBe('zh')
    expect(languageOf(['de-DE', 'zh-Hans-CN', 'en'], null)).toBe('zh')
    expect(languageOf(['en-US', 'zh'], null)).toBe('en')
    expect(languageOf(['fr'], 'klingon')).toBe('en')
  })
})
