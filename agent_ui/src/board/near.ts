/**
 * Whether an element is on the screen or a little beside it, so that a list of hundreds draws only the rows one can see.
 *
 * A row that is far keeps its name, so that the browser's own search and a screen reader find it; its height stays.
 */
import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

/** A quick turn of the wheel goes no further. */
const MARGIN = '800px 0px'
/** Of a row that was never drawn. */
export const FAR_HEIGHT = 57

const told = new WeakMap<Element, (near: boolean) => void>()
let watcher: IntersectionObserver | null = null

function watcherOfAll(): IntersectionObserver | null {
  if (typeof IntersectionObserver === 'undefined') return null
  watcher ??= new IntersectionObserver((entries) => {
    for (const entry of entries) told.get(entry.target)?.(entry.isIntersecting)
  }, { rootMargin: MARGIN })
  return watcher
}

/** Whether `element` is near, and how high it was when it was drawn last. A browser that cannot tell draws everything. */
export function useNear(element: Readonly<Ref<HTMLElement | null>>): { near: Readonly<Ref<boolean>>; height: Readonly<Ref<number>> } {
  const all = watcherOfAll()
  const near = ref(all === null)
  const height = ref(FAR_HEIGHT)
  onMounted(() => {
    const watched = element.value
    if (all === null || watched === null) return
    told.set(watched, (now) => {
      if (!now && near.value) height.value = watched.offsetHeight
      near.value = now
    })
    all.observe(watched)
  })
  onBeforeUnmount(() => {
    if (all !== null && element.value !== null) all.unobserve(element.value)
  })
  return { near, height }
}
