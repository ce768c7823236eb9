/** Amounts are exact texts; only their digits are grouped for reading. */
export function shownMoney(value: { readonly amount: string; readonly currency: string }, language: string): string {
  const digits = Math.max(2, value.amount.split('.')[1]?.replace(/0+$/, '').length ?? 0)
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency: value.currency, minimumFractionDigits: digits }).format(value.amount as unknown as number)
  } catch {
    return `${value.amount} ${value.currency}`
  }
}
