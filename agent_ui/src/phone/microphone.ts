/** Whether there is a microphone this page may use, and if not, why. */

/** `insecure`: browsers give no microphone to pages opened over plain http from another machine. */
export type Microphone = 'unknown' | 'ready' | 'missing' | 'denied' | 'insecure'

/** Asks for the microphone once and gives it back at once. */
export async function microphoneOf(): Promise<Microphone> {
  // The type says the interface is always there; pages that are not secure do not have it.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (devices === undefined) return 'insecure'
  try {
    const stream = await devices.getUserMedia({ audio: true, video: false })
    for (const track of stream.getTracks()) track.stop()
    return 'ready'
  } catch (error) {
    return error instanceof DOMException && error.name === 'NotAllowedError' ? 'denied' : 'missing'
  }
}
