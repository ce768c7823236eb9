/** An order given by a button: busy while it runs, and the problem when the server says no. */
import { ref, shallowRef } from 'vue'

export function useOrder() {
  const busy = ref(false)
  const problem = shallowRef<unknown>(null)

  /** Runs `order` unless one is running; true when it went well. */
  async function run(order: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    problem.value = null
    try {
      await order()
      return true
    } catch (error) {
      problem.value = error
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, problem, run }
}
