/** Whether there is a microphone this page may use, and if not, why. */

/**
 * `insecure`: browsers give no microphone to pages opened over plain http from another machine. `in_use`: another
 * program has it for itself. `gone`: it was there, and was taken away in a talk.
 */
export type Microphone = 'unknown' | 'ready' | 'missing' | 'denied' | 'insecure' | 'in_use' | 'gone'

/** What is asked of the browser: the chosen microphone, or its own choice where that one is not there. */
export function audioOf(deviceId: string | null): { audio: MediaTrackConstraints | true; video: false } {
  return { audio: deviceId === null || deviceId === '' ? true : { deviceId: { ideal: deviceId } }, video: false }
}

/** What a refusal of the browser means. */
export function problemOf(error: unknown): Microphone {
  if (!(error instanceof DOMException)) return 'missing'
  if (error.name === 'NotAllowedError' || error.name === 'SecurityError') return 'denied'
  return error.name === 'NotReadableError' || error.name === 'AbortError' ? 'in_use' : 'missing'
}

/** Asks for the microphone once and gives it back at once. */
export async function microphoneOf(deviceId: string | null = null): Promise<Microphone> {
  // The type says the interface is always there; pages that are not secure do not have it.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (devices === undefined) return 'insecure'
  try {
    const stream = await devices.getUserMedia(audioOf(deviceId))
    for (const track of stream.getTracks()) track.stop()
    return 'ready'
  } catch (error) {
    return problemOf(error)
  }
}
