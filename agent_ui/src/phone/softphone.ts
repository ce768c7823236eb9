/**
 * A telephone in the browser: one SIP account over a WebSocket, one call at a time, audio by WebRTC.
 *
 * Everything it knows is in one `PhoneState` that is handed out whole after each change.
 */
import type { UA } from 'jssip'
import type { DTMF_TRANSPORT } from 'jssip/lib/Constants'
import type { EndEvent, RTCSession } from 'jssip/lib/RTCSession'

import type { PhoneAccount } from '@/api/documents'
import { serverNowMs } from '@/time/clock'

import { microphoneOf, type Microphone } from './microphone'

/** `connected`: the line stands and no registration is wanted (a phone that only calls out). */
export type Line = 'off' | 'connecting' | 'registered' | 'connected' | 'unregistered'
export type Talk = 'none' | 'ringing' | 'dialling' | 'answering' | 'talking'

export interface PhoneState {
  readonly line: Line
  /** Why the line is not there, in JsSIP's words; null while it is. */
  readonly lineCause: string | null
  readonly microphone: Microphone
  readonly talk: Talk
  /** The other side of the call, as it named itself. */
  readonly peer: string | null
  readonly talkingSinceMs: number | null
  readonly muted: boolean
  /** Why the last call ended, in JsSIP's words; null before the first. */
  readonly endCause: string | null
}

export const PHONE_OFF: PhoneState = {
  line: 'off',
  lineCause: null,
  microphone: 'unknown',
  talk: 'none',
  peer: null,
  talkingSinceMs: null,
  muted: false,
  endCause: null,
}

export interface SoftphoneOptions {
  onState: (state: PhoneState) => void
  /** Where the other side's voice comes out. */
  audio: () => HTMLAudioElement | null
  /** A phone that is to be rung registers; one that only calls out need not. */
  register: boolean
}

const RECONNECT_LIMIT_SECONDS = 5
/** Host candidates come at once; a machine with dead interfaces must not make the caller wait for the last one. */
const CANDIDATES_MS = 500
const TONE_MS = 160
const TONE_GAP_MS = 80

const MEDIA = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } }

export class Softphone {
  private readonly options: SoftphoneOptions
  private ua: UA | null = null
  private session: RTCSession | null = null
  private keyTransport: DTMF_TRANSPORT | null = null
  private current: PhoneState = PHONE_OFF
  /** Counts the accounts used, so that a slow start does not bring back a phone that was stopped meanwhile. */
  private generation = 0

  constructor(options: SoftphoneOptions) {
    this.options = options
  }

  get state(): PhoneState {
    return this.current
  }

  /** Connects the account; ends the one before. */
  async start(account: PhoneAccount): Promise<void> {
    this.stop()
    const generation = ++this.generation
    this.change({ line: 'connecting' })
    const [JsSIP, microphone] = await Promise.all([import('./sip_library'), microphoneOf()])
    if (generation !== this.generation) return
    this.change({ microphone })
    this.keyTransport = JsSIP.C.DTMF_TRANSPORT.RFC2833
    let ua: UA
    try {
      ua = new JsSIP.UA({
        sockets: [new JsSIP.WebSocketInterface(account.websocket_url)],
        uri: account.sip_uri,
        authorization_user: account.user,
        password: account.password,
        register: this.options.register,
        session_timers: false,
        connection_recovery_min_interval: 1,
        connection_recovery_max_interval: RECONNECT_LIMIT_SECONDS,
      })
    } catch (error) {
      this.change({ line: 'unregistered', lineCause: error instanceof Error ? error.message : String(error) })
      return
    }
    this.ua = ua
    this.listen(ua)
    ua.start()
  }

  /** Hangs up and gives the line back. */
  stop(): void {
    this.generation += 1
    const ua = this.ua
    this.ua = null
    this.hangUp()
    this.session = null
    ua?.stop()
    this.current = PHONE_OFF
    this.options.onState(this.current)
  }

  /** Looks again for a microphone, after one was plugged in or allowed. */
  async checkMicrophone(): Promise<void> {
    this.change({ microphone: await microphoneOf() })
  }

  /** Calls a number at the account's own domain. */
  call(number: string, headers: readonly string[]): void {
    if (this.ua === null || this.session !== null) return
    this.ua.call(number, { ...MEDIA, extraHeaders: [...headers] })
  }

  answer(): void {
    if (this.current.talk !== 'ringing') return
    this.change({ talk: 'answering' })
    this.session?.answer(MEDIA)
  }

  /** Rejects a ringing call, gives up a dialled one, ends a talk. */
  hangUp(): void {
    const session = this.session
    if (session === null || session.isEnded()) return
    if (this.current.talk === 'ringing') session.terminate({ status_code: 486, reason_phrase: 'Busy Here' })
    else session.terminate()
  }

  setMuted(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true })
    else this.session?.unmute({ audio: true })
  }

  /** Sends one key as an RFC 4733 event. */
  sendKey(key: string): void {
    if (this.current.talk !== 'talking' || this.keyTransport === null) return
    this.session?.sendDTMF(key, { duration: TONE_MS, interToneGap: TONE_GAP_MS, transportType: this.keyTransport })
  }

  private listen(ua: UA): void {
    const whileCurrent = (change: () => void) => () => {
      if (ua === this.ua) change()
    }
    ua.on(
      'connected',
      whileCurrent(() => {
        if (!this.options.register) this.change({ line: 'connected', lineCause: null })
      }),
    )
    ua.on('disconnected', (event) => {
      if (ua !== this.ua) return
      const reason = event.reason === undefined || event.reason === '' ? 'Connection Error' : event.reason
      this.change({ line: 'unregistered', lineCause: reason })
    })
    ua.on(
      'registered',
      whileCurrent(() => this.change({ line: 'registered', lineCause: null })),
    )
    ua.on('unregistered', (event) => {
      if (ua === this.ua) this.change({ line: 'unregistered', lineCause: event.cause ?? this.current.lineCause })
    })
    ua.on('registrationFailed', (event) => {
      if (ua === this.ua) this.change({ line: 'unregistered', lineCause: event.cause ?? 'SIP Failure Code' })
    })
    ua.on('newRTCSession', ({ originator, session }: { originator: string; session: RTCSession }) => {
      if (ua !== this.ua) return
      if (this.session !== null) session.terminate({ status_code: 486, reason_phrase: 'Busy Here' })
      else this.adopt(session, originator === 'remote' ? 'ringing' : 'dialling')
    })
  }

  private adopt(session: RTCSession, talk: Talk): void {
    this.session = session
    const name = session.remote_identity
    this.change({ talk, peer: name.display_name || name.uri.user || null, talkingSinceMs: null, muted: false, endCause: null })
    session.on('peerconnection', ({ peerconnection }) => this.playFrom(peerconnection))
    // A dialled call may have its connection before anyone could listen for it.
    if (talk === 'dialling' && (session.connection as RTCPeerConnection | null) !== null) this.playFrom(session.connection)
    let timer: ReturnType<typeof setTimeout> | null = null
    session.on('icecandidate', ({ ready }) => {
      timer ??= setTimeout(ready, CANDIDATES_MS)
    })
    session.on('accepted', () => {
      if (session === this.session) this.change({ talk: 'talking', talkingSinceMs: serverNowMs() })
    })
    session.on('muted', () => this.change({ muted: true }))
    session.on('unmuted', () => this.change({ muted: false }))
    session.on('getusermediafailed', () => {
      this.checkMicrophone().catch(() => undefined)
    })
    const over = (event: EndEvent): void => {
      if (timer !== null) clearTimeout(timer)
      if (session !== this.session) return
      this.session = null
      this.change({ talk: 'none', peer: null, talkingSinceMs: null, muted: false, endCause: event.cause })
    }
    session.on('ended', over)
    session.on('failed', over)
  }

  private playFrom(connection: RTCPeerConnection): void {
    connection.addEventListener('track', (event) => {
      const audio = this.options.audio()
      if (audio === null) return
      audio.srcObject = event.streams[0] ?? new MediaStream([event.track])
      // The agent has clicked before, so playing is allowed; where it is not, the element's own control is there.
      audio.play().catch(() => undefined)
    })
  }

  private change(part: Partial<PhoneState>): void {
    this.current = { ...this.current, ...part }
    this.options.onState(this.current)
  }
}
