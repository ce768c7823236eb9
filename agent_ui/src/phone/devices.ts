/**
 * Which microphone, loudspeaker and bell this browser uses; kept per browser, for another computer has others.
 *
 * A device that was chosen and is not plugged in now stays chosen: the browser's own is used until it is back.
 */

export interface DeviceChoice {
  readonly microphone: string | null
  readonly speaker: string | null
  /** Where it rings: often a loudspeaker on the desk, while the voice is in the headset. */
  readonly ringer: string | null
}

export interface Device {
  readonly id: string
  readonly name: string
}

export interface Devices {
  readonly microphones: readonly Device[]
  readonly speakers: readonly Device[]
}

export const NO_CHOICE: DeviceChoice = { microphone: null, speaker: null, ringer: null }
export const NO_DEVICES: Devices = { microphones: [], speakers: [] }
const STORED_AS = 'callcenter.devices'

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** What was kept; anything that is no choice of ours counts as none. */
export function choiceFrom(stored: string | null): DeviceChoice {
  if (stored === null) return NO_CHOICE
  try {
    const found: unknown = JSON.parse(stored)
    if (typeof found !== 'object' || found === null) return NO_CHOICE
    const fields = found as Record<string, unknown>
    return { microphone: textOf(fields['microphone']), speaker: textOf(fields['speaker']), ringer: textOf(fields['ringer']) }
  } catch {
    return NO_CHOICE
  }
}

export function storedChoice(): DeviceChoice {
  try {
    return choiceFrom(localStorage.getItem(STORED_AS))
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
    return NO_CHOICE
  }
}

export function storeChoice(choice: DeviceChoice): void {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(choice))
  } catch {
    // See `storedChoice`.
  }
}

/** The devices as the page offers them: each once, without the browser's own "default" entries. */
export function devicesOf(found: readonly Pick<MediaDeviceInfo, 'deviceId' | 'kind' | 'label'>[]): Devices {
  const list = (kind: MediaDeviceKind): Device[] =>
    found
      .filter((one) => one.kind === kind && !['', 'default', 'communications'].includes(one.deviceId))
      .map((one, index) => ({ id: one.deviceId, name: one.label === '' ? `${index + 1}` : one.label }))
  return { microphones: list('audioinput'), speakers: list('audiooutput') }
}

/** What is plugged in now; nothing where the browser does not say. */
export async function findDevices(): Promise<Devices> {
  const media = navigator.mediaDevices as MediaDevices | undefined
  if (media === undefined) return NO_DEVICES
  try {
    return devicesOf(await media.enumerateDevices())
  } catch {
    return NO_DEVICES
  }
}

/** Where an element's or a context's sound comes out. Not every browser can choose; then its own way is taken. */
export async function playOn(sink: { setSinkId?: (id: string) => Promise<void> }, deviceId: string | null): Promise<void> {
  if (sink.setSinkId === undefined) return
  try {
    await sink.setSinkId(deviceId ?? '')
  } catch {
    // The device is not plugged in: the browser's own stays.
  }
}
