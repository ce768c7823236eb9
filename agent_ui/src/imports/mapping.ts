/** What a person may choose for the columns of a file, and what is not right yet. */
import { KEYS, type Mapping } from './import_api'

const SEVERAL: ReadonlySet<string> = new Set(['tags', 'phone', 'email', 'web', 'social'])

/** The columns whose field another column has already, which only lists may have; they cannot both be it. */
export function doubled(columns: readonly (string | null)[], severalAllowed: boolean): readonly number[] {
  return columns.flatMap((field, at) =>
    field !== null && !(severalAllowed && SEVERAL.has(field)) && columns.indexOf(field) !== at ? [at] : [],
  )
}

/** What customers may be recognised by: of the possible keys those that are a column. */
export function keysOf(columns: readonly (string | null)[]): readonly string[] {
  return KEYS.filter((key) => columns.includes(key))
}

/** The mapping with one column changed; the key stays where it still is a column. */
export function withColumn(mapping: Mapping, at: number, field: string): Mapping {
  const columns = mapping.columns.map((known, index) => (index === at ? field || null : known))
  const keys = keysOf(columns)
  const key = mapping.key !== null && keys.includes(mapping.key) ? mapping.key : (keys[0] ?? null)
  return { ...mapping, columns, key }
}
