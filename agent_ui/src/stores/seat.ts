/**
 * Whether this page is the agent's desk: one tab of one browser is, and every other one is told so.
 *
 * Within a browser a lock decides (Web Locks), between browsers the server knows. Law: a page that is not the desk neither
 * follows the agent's topic nor registers his phone, until its user says that he works here now.
 */
import { defineStore } from 'pinia'
import { ref } from 'vue'

import { api } from '@/api/client'

import { useLive } from './live'

/** `none`: nobody wants a desk here. `tab`: it is in another tab of this browser. `browser`: on another computer. */
export type Seat = 'none' | 'asking' | 'mine' | 'tab' | 'browser'

const LOCK = 'callcenter.desk'
const OPENED_AS = 'callcenter.desk.open'
/** A page that is loaded anew meets the lock of the one before for a moment. */
const PATIENCE_MS = 700

export const useSeat = defineStore('seat', () => {
  const live = useLive()
  const seat = ref<Seat>('none')
  let letGo: (() => void) | null = null
  let abort: AbortController | null = null

  /** This tab had the desk before it was loaded anew. */
  function wasOpen(): boolean {
    try {
      return sessionStorage.getItem(OPENED_AS) !== null
    } catch {
      return false
    }
  }

  function note(open: boolean): void {
    try {
      if (open) sessionStorage.setItem(OPENED_AS, '1')
      else sessionStorage.removeItem(OPENED_AS)
    } catch {
      // Storage may be forbidden: then the desk begins when its page is opened.
    }
  }

  /** The agent opens his desk here; nothing happens when it is here already, or is being asked for. */
  function open(): void {
    if (seat.value !== 'none') return
    note(true)
    seat.value = 'asking'
    request(false)
  }

  /** The agent says that he works here, wherever the desk was. */
  function workHere(): void {
    abort?.abort()
    letGo?.()
    request(true)
  }

  /** Nobody is signed in any more. */
  function close(): void {
    note(false)
    abort?.abort()
    letGo?.()
    abort = letGo = null
    seat.value = 'none'
  }

  function request(steal: boolean): void {
    const locks = navigator.locks as LockManager | undefined
    if (locks === undefined) {
      void seated(steal)
      return
    }
    const own = (abort = new AbortController())
    const patience = setTimeout(() => {
      if (!own.signal.aborted && seat.value === 'asking') seat.value = 'tab'
    }, PATIENCE_MS)
    const held = (): Promise<void> => {
      clearTimeout(patience)
      if (own.signal.aborted) return Promise.resolve()
      void seated(steal)
      return new Promise((resolve) => {
        letGo = resolve
      })
    }
    locks
      .request(LOCK, steal ? { steal: true } : { signal: own.signal }, held)
      // Another tab has taken the lock away: its user works there now.
      .catch(() => {
        clearTimeout(patience)
        if (own === abort && !own.signal.aborted) lost()
      })
  }

  async function seated(asked: boolean): Promise<void> {
    if (!asked && (await isElsewhere())) {
      seat.value = 'browser'
      return
    }
    seat.value = 'mine'
    live.want('desk', ['me'])
    if (live.status === 'taken_over') live.restart()
  }

  function lost(): void {
    seat.value = 'tab'
    live.release('desk')
  }

  async function isElsewhere(): Promise<boolean> {
    try {
      return (await api.desktop()).elsewhere
    } catch {
      // Nobody says so; should it be, the other desk is told that this one took over.
      return false
    }
  }

  return { seat, wasOpen, open, workHere, close }
})
