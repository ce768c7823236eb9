import { describe, expect, it } from 'vitest'

import { doubled, keysOf, withColumn } from './mapping'

describe('mapping', () => {
  it('finds columns that cannot both be the same', () => {
    expect(doubled(['name', 'phone', 'phone', 'name', null, null], true)).toEqual([3])
    expect(doubled(['phone', 'phone'], false)).toEqual([1])
  })

  it('offers the keys that are columns, the surest first', () => {
    expect(keysOf(['phone', 'name', 'external_id'])).toEqual(['external_id', 'phone'])
  })

  it('keeps the key while it is a column, and takes another when it is none any more', () => {
    const mapping = { columns: ['name', 'phone', 'email'], key: 'phone', source: 'crm', currency: null }
    expect(withColumn(mapping, 0, '').key).toBe('phone')
    expect(withColumn(mapping, 1, '')).toEqual({ columns: ['name', null, 'email'], key: 'email', source: 'crm', currency: null })
  })
})
