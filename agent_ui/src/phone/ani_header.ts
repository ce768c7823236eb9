/** The demo's header that says who calls; only letters of telephone numbers and names may enter a SIP header. */

/** The header for `ani`, or null when it is empty or holds what does not belong into one. */
export function aniHeader(ani: string): string | null {
  const trimmed = ani.trim()
  return /^[+\w.\-@:;= ]{1,64}$/.test(trimmed) ? `X-Demo-ANI: ${trimmed}` : null
}
