/** Makes a WAV file of any sound the browser can decode, for formats that the server's sox cannot. */

const RATE = 16_000
const HEADER_BYTES = 44

/** A WAV file of 16 bit, mono. */
export function wavOf(samples: Float32Array, rate: number): Blob {
  const bytes = new ArrayBuffer(HEADER_BYTES + samples.length * 2)
  const view = new DataView(bytes)
  const write = (at: number, word: string): void => {
    for (let index = 0; index < word.length; index += 1) view.setUint8(at + index, word.charCodeAt(index))
  }
  write(0, 'RIFF')
  view.setUint32(4, bytes.byteLength - 8, true)
  write(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  write(36, 'data')
  view.setUint32(40, samples.length * 2, true)
  samples.forEach((sample, index) => {
    const level = Math.max(-1, Math.min(1, sample))
    view.setInt16(HEADER_BYTES + index * 2, Math.round(level * 32_767), true)
  })
  return new Blob([bytes], { type: 'audio/wav' })
}

/** Decodes and mixes down; throws when the browser cannot decode it. */
export async function toWav(sound: Blob): Promise<Blob> {
  const bytes = await sound.arrayBuffer()
  const decoded = await new OfflineAudioContext(1, RATE, RATE).decodeAudioData(bytes)
  const mixed = new OfflineAudioContext(1, Math.max(1, Math.ceil(decoded.duration * RATE)), RATE)
  const source = mixed.createBufferSource()
  source.buffer = decoded
  source.connect(mixed.destination)
  source.start()
  return wavOf((await mixed.startRendering()).getChannelData(0), RATE)
}

const ENDINGS: Readonly<Record<string, string>> = { oga: 'ogg', aif: 'aiff', aifc: 'aiff', mp4: 'm4a', weba: 'webm' }

/** The format that a file's name promises. */
export function formatOf(name: string): string {
  const ending = name.toLowerCase().split('.').at(-1) ?? ''
  return ENDINGS[ending] ?? ending
}

/** What is to be sent: the file itself where the server reads it, else a WAV file where the browser can make one. */
export async function sendable(file: File, formats: readonly string[]): Promise<Blob> {
  if (formats.includes(formatOf(file.name))) return file
  try {
    return await toWav(file)
  } catch {
    // The server says what is wrong with it better than a browser does.
    return file
  }
}
