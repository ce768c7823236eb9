/** `v-explain="text"`: what a figure means, while the pointer or the keyboard is on it; one box for the whole page. */
import type { Directive } from 'vue'

const BOX_ID = 'explanation'
const texts = new WeakMap<HTMLElement, string>()
let shownFor: HTMLElement | null = null

function box(): HTMLElement {
  const found = document.getElementById(BOX_ID)
  if (found !== null) return found
  const made = document.createElement('div')
  made.id = BOX_ID
  made.className = 'explanation'
  made.setAttribute('role', 'tooltip')
  made.hidden = true
  document.body.append(made)
  return made
}

function hide(): void {
  if (shownFor === null) return
  shownFor.removeAttribute('aria-describedby')
  shownFor = null
  box().hidden = true
}

function show(element: HTMLElement): void {
  const text = texts.get(element) ?? ''
  if (text === '') return
  hide()
  shownFor = element
  const shown = box()
  shown.textContent = text
  shown.hidden = false
  element.setAttribute('aria-describedby', BOX_ID)
  const place = element.getBoundingClientRect()
  const left = Math.min(Math.max(8, place.left), Math.max(8, window.innerWidth - shown.offsetWidth - 8))
  const below = place.bottom + 6
  const fits = below + shown.offsetHeight < window.innerHeight
  shown.style.left = `${left}px`
  shown.style.top = `${fits ? below : Math.max(8, place.top - shown.offsetHeight - 6)}px`
}

function onEvent(event: Event): void {
  const element = event.currentTarget as HTMLElement
  if (event.type === 'mouseenter' || event.type === 'focusin') show(element)
  else if (shownFor === element) hide()
}

window.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hide()
})
window.addEventListener('scroll', hide, { passive: true, capture: true })

const EVENTS = ['mouseenter', 'mouseleave', 'focusin', 'focusout'] as const

export const vExplain: Directive<HTMLElement, string> = {
  mounted(element, { value }) {
    texts.set(element, value)
    for (const name of EVENTS) element.addEventListener(name, onEvent)
  },
  updated(element, { value }) {
    texts.set(element, value)
  },
  beforeUnmount(element) {
    if (shownFor === element) hide()
  },
}
