/** New alerts told by a tone and by the browser, on whichever page one is, where one wants them. */
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { useRouter } from 'vue-router'

import type { AlertDocument } from '@/api/documents'
import { figuresOf, newsOf } from '@/board/alert_news'
import { chime } from '@/board/chime'
import { useWords } from '@/i18n'

import { useLive } from './live'
import { useSession } from './session'

const SOUND_AS = 'callcenter.alert_sound'
const NOTIFY_AS = 'callcenter.alert_notices'

function remembered(name: string): boolean {
  try {
    return localStorage.getItem(name) === 'yes'
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
    return false
  }
}

function remember(name: string, wanted: boolean): void {
  try {
    localStorage.setItem(name, wanted ? 'yes' : 'no')
  } catch {
    // See `remembered`.
  }
}

export const useAlertNews = defineStore('alert news', () => {
  const sound = ref(remembered(SOUND_AS))
  const notify = ref(remembered(NOTIFY_AS) && 'Notification' in window && Notification.permission === 'granted')
  const denied = ref(false)

  function setSound(wanted: boolean): void {
    sound.value = wanted
    remember(SOUND_AS, wanted)
    if (wanted) chime()
  }

  async function setNotify(wanted: boolean): Promise<void> {
    denied.value = false
    let allowed = wanted && 'Notification' in window
    if (allowed) {
      allowed = (await Notification.requestPermission()) === 'granted'
      denied.value = !allowed
    }
    notify.value = allowed
    remember(NOTIFY_AS, allowed)
  }

  return { sound, notify, denied, setSound, setNotify }
})

/** An alert in one line. */
export function useAlertWords() {
  const { t, label } = useWords()
  return (alert: AlertDocument): string => `${label(alert.subject_label)}: ${t(`alerts.limit.${alert.kind}`, figuresOf(alert))}`
}

/** For the frame of every page: follows the alerts while a supervisor wants to be told. */
export function useAlertWatch(): void {
  const news = useAlertNews()
  const live = useLive()
  const session = useSession()
  const router = useRouter()
  const { label } = useWords()
  const inOneLine = useAlertWords()
  let seen: number | null = null

  const wanted = computed(() => session.isSupervisor && (news.sound || news.notify))
  watch(
    wanted,
    (now, before) => {
      if (now) live.want('alert news', ['alerts'])
      else if (before === true) live.release('alert news')
    },
    { immediate: true },
  )
  watch(
    () => session.user?.name,
    () => (seen = null),
  )

  function tell(alert: AlertDocument): void {
    const notice = new Notification(label(alert.label), { body: inOneLine(alert), tag: String(alert.number) })
    notice.onclick = () => {
      window.focus()
      void router.push('/board')
      notice.close()
    }
  }

  watch(
    () => live.alerts,
    (alerts) => {
      // Nothing is known while the feed is away: what comes up meanwhile is news when it is back.
      if (alerts === undefined) return
      const found = newsOf(Object.values(alerts), seen)
      seen = found.seen
      if (!wanted.value || found.news.length === 0) return
      if (news.sound) chime()
      if (news.notify) found.news.forEach(tell)
    },
    { immediate: true },
  )
}
