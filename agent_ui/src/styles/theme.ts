/** Light or dark, as the system is set, also when that changes. */

export function followSystemTheme(): void {
  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const apply = (): void => {
    document.documentElement.classList.toggle('dark', dark.matches)
  }
  dark.addEventListener('change', apply)
  apply()
}
