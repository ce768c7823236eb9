/**
 * A telephone in the browser: one SIP account over a WebSocket, one call at a time, audio by WebRTC.
 *
 * Everything it knows is in one `PhoneState` that is handed out whole after each change.
 */
import type { UA, WebSocketInterface } from 'jssip'
import type { DTMF_TRANSPORT } from 'jssip/lib/Constants'
import type { EndEvent, RTCSession } from 'jssip/lib/RTCSession'

import type { PhoneAccount } from '@/api/documents'
import { serverNowMs } from '@/time/clock'

import { LineWatch } from './line_watch'
import { audioOf, microphoneOf, type Microphone } from './microphone'

/** `connected`: the line stands and no registration is wanted (a phone that only calls out). */
export type Line = 'off' | 'connecting' | 'registered' | 'connected' | 'unregistered'
/** `interrupted`: nothing comes just now, and it may come again by itself. `broken`: it will not. */
export type Sound = 'well' | 'interrupted' | 'broken'
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
  /** The other side hears music: we asked the exchange to hold it. */
  readonly held: boolean
  /** How the sound of the call does, although the call stands. */
  readonly sound: Sound
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
  held: false,
  sound: 'well',
  endCause: null,
}

export interface SoftphoneOptions {
  onState: (state: PhoneState) => void
  /** Where the other side's voice comes out. */
  audio: () => HTMLAudioElement | null
  /** A phone that is to be rung registers; one that only calls out need not. */
  register: boolean
  /** Which microphone is to be used; null: the one the browser chooses. */
  microphone?: () => string | null
}

const RECONNECT_LIMIT_SECONDS = 2
/** Host candidates come at once; a machine with dead interfaces must not make the caller wait for the last one. */
const CANDIDATES_MS = 500
const TONE_MS = 160
const TONE_GAP_MS = 80

const PEER = { iceServers: [] }
/** With a call's signalling or sound lost, these are the words with which JsSIP ends it; the talk itself may go on. */
const LOST_CAUSES: ReadonlySet<string> = new Set(['Connection Error', 'Request Timeout', 'RTP Timeout', 'WebRTC Error', 'Dialog Error'])

/** The exchange hangs up on a phone from which no sound comes any more with the cause 44 of Q.850. */
function causeOf(event: EndEvent): string {
  const message = event.message as { getHeader?: (name: string) => string | undefined } | null
  const reason = message?.getHeader?.('Reason') ?? ''
  return /Q\.850\s*;\s*cause=44\b/i.test(reason) ? 'RTP Timeout' : event.cause
}

/** Whether a call that ended so was lost by this page, and not hung up by anybody. */
export function wasLost(cause: string | null): boolean {
  return cause !== null && LOST_CAUSES.has(cause)
}

export class Softphone {
  private readonly options: SoftphoneOptions
  private ua: UA | null = null
  private socket: WebSocketInterface | null = null
  private session: RTCSession | null = null
  /** Connections that were made; the call's is the one its signalling went over last. */
  private connections = 0
  private sessionConnection = 0
  private keyTransport: DTMF_TRANSPORT | null = null
  private current: PhoneState = PHONE_OFF
  /** Counts the accounts used, so that a slow start does not bring back a phone that was stopped meanwhile. */
  private generation = 0

  private readonly watch = new LineWatch({
    ask: () => {
      if (this.ua?.isConnected() === true) this.ua.register()
    },
    cut: () => this.cutLine(),
  })

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
    const [JsSIP, microphone] = await Promise.all([import('./sip_library'), microphoneOf(this.chosen())])
    if (generation !== this.generation) return
    this.change({ microphone })
    this.keyTransport = JsSIP.C.DTMF_TRANSPORT.RFC2833
    let ua: UA
    try {
      this.socket = new JsSIP.WebSocketInterface(account.websocket_url)
      ua = new JsSIP.UA({
        sockets: [this.socket],
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
    this.watch.stop()
    this.hangUp()
    this.session = null
    ua?.stop()
    this.current = PHONE_OFF
    this.options.onState(this.current)
  }

  /** Looks again for a microphone, after one was plugged in or allowed. */
  async checkMicrophone(): Promise<void> {
    this.change({ microphone: await microphoneOf(this.chosen()) })
  }

  /** Speaks into the chosen microphone from now on, in the call under way too. */
  async changeMicrophone(): Promise<void> {
    const sender = this.sender()
    if (sender === null) {
      await this.checkMicrophone()
      return
    }
    let track: MediaStreamTrack | undefined
    try {
      track = (await navigator.mediaDevices.getUserMedia(audioOf(this.chosen()))).getAudioTracks()[0]
    } catch {
      await this.checkMicrophone()
      return
    }
    if (track === undefined) return
    const before = sender.track
    track.enabled = before?.enabled ?? true
    await sender.replaceTrack(track)
    before?.stop()
    this.watchTrack(track)
    this.change({ microphone: 'ready' })
  }

  /** What the microphone of the call under way hears; null without a call. */
  get localTrack(): MediaStreamTrack | null {
    return this.sender()?.track ?? null
  }

  /** The page goes away and the talk is to go on: nothing is hung up. */
  leaveQuietly(): void {
    this.generation += 1
    this.watch.stop()
    this.session = null
    this.ua = null
  }

  /** The page slept, or the network changed: a line that does not answer is connected anew. */
  checkLine(): void {
    if (this.ua !== null && this.options.register) this.watch.doubt()
  }

  /** Forgets the call without a word: the exchange has ended it already, or is about to ring for it again. */
  letGo(): void {
    const session = this.session
    if (session === null) return
    this.session = null
    const connection = session.connection as RTCPeerConnection | null
    for (const sender of connection?.getSenders() ?? []) sender.track?.stop()
    connection?.close()
    this.change({ talk: 'none', peer: null, talkingSinceMs: null, muted: false, held: false, sound: 'well', endCause: null })
  }

  /** Calls a number at the account's own domain. */
  call(number: string, headers: readonly string[]): void {
    if (this.ua === null || this.session !== null) return
    this.ua.call(number, { ...this.media(), extraHeaders: [...headers] })
  }

  answer(): void {
    if (this.current.talk !== 'ringing') return
    this.change({ talk: 'answering' })
    this.session?.answer(this.media())
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

  /** Lets the other side hear music, or takes it back; the exchange is asked, `held` tells when it is so. */
  setHeld(held: boolean): void {
    if (this.session === null || this.current.talk !== 'talking') return
    if (held) this.session.hold()
    else this.session.unhold()
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
      'connecting',
      whileCurrent(() => {
        if (this.options.register) this.watch.connecting()
      }),
    )
    ua.on(
      'connected',
      whileCurrent(() => {
        this.connections += 1
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
      whileCurrent(() => {
        this.watch.answered()
        this.change({ line: 'registered', lineCause: null })
        this.moveSession()
      }),
    )
    ua.on('unregistered', (event) => {
      if (ua === this.ua) this.change({ line: 'unregistered', lineCause: event.cause ?? this.current.lineCause })
    })
    ua.on('registrationFailed', (event) => {
      if (ua !== this.ua) return
      // A refusal is an answer too.
      if (!wasLost(event.cause ?? null)) this.watch.answered()
      this.change({ line: 'unregistered', lineCause: event.cause ?? 'SIP Failure Code' })
    })
    ua.on('newRTCSession', ({ originator, session }: { originator: string; session: RTCSession }) => {
      if (ua !== this.ua) return
      if (this.session !== null) session.terminate({ status_code: 486, reason_phrase: 'Busy Here' })
      else this.adopt(session, originator === 'remote' ? 'ringing' : 'dialling')
    })
  }

  private adopt(session: RTCSession, talk: Talk): void {
    this.session = session
    this.sessionConnection = this.connections
    const name = session.remote_identity
    const peer = name.display_name || name.uri.user || null
    session.on('peerconnection', ({ peerconnection }) => this.watchConnection(session, peerconnection))
    // A dialled call may have its connection before anyone could listen for it.
    if (talk === 'dialling' && (session.connection as RTCPeerConnection | null) !== null) this.watchConnection(session, session.connection)
    let timer: ReturnType<typeof setTimeout> | null = null
    session.on('icecandidate', ({ ready }) => {
      timer ??= setTimeout(ready, CANDIDATES_MS)
    })
    session.on('accepted', () => {
      if (session !== this.session) return
      this.change({ talk: 'talking', talkingSinceMs: serverNowMs() })
      const track = this.localTrack
      if (track !== null) this.watchTrack(track)
    })
    session.on('muted', () => this.change({ muted: true }))
    session.on('unmuted', () => this.change({ muted: false }))
    session.on('hold', ({ originator }: { originator: string }) => {
      if (originator === 'local' && session === this.session) this.change({ held: true })
    })
    session.on('unhold', ({ originator }: { originator: string }) => {
      if (originator === 'local' && session === this.session) this.change({ held: false })
    })
    session.on('getusermediafailed', () => {
      this.checkMicrophone().catch(() => undefined)
    })
    const over = (event: EndEvent): void => {
      if (timer !== null) clearTimeout(timer)
      if (session !== this.session) return
      this.session = null
      this.change({ talk: 'none', peer: null, talkingSinceMs: null, muted: false, held: false, sound: 'well', endCause: causeOf(event) })
    }
    session.on('ended', over)
    session.on('failed', over)
    // Last, for whoever hears of it may answer at once.
    this.change({ talk, peer, talkingSinceMs: null, muted: false, held: false, sound: 'well', endCause: null })
  }

  private cutLine(): void {
    const socket = this.socket
    if (socket === null) return
    socket.disconnect()
    // It tells nobody that it was cut on purpose; told, the user agent connects anew.
    socket.ondisconnect(true, 1006, 'Request Timeout')
  }

  /**
   * A call that was made over a connection before is told to the exchange over this one: else its words about it, its end
   * too, would go to where nobody hears them. Sound that lost its way finds it anew with that.
   */
  private moveSession(): void {
    const session = this.session
    if (session === null || this.current.talk !== 'talking' || this.sessionConnection === this.connections) return
    // What is broken is fetched back by a new call.
    if (this.current.sound === 'broken') return
    const restart = this.current.sound === 'well' ? {} : { rtcOfferConstraints: { iceRestart: true } }
    if (session.renegotiate(restart)) this.sessionConnection = this.connections
  }

  private chosen(): string | null {
    return this.options.microphone?.() ?? null
  }

  private media() {
    return { mediaConstraints: audioOf(this.chosen()), pcConfig: PEER }
  }

  private sender(): RTCRtpSender | null {
    const connection = this.session?.connection as RTCPeerConnection | null | undefined
    return connection?.getSenders().find((sender) => sender.track?.kind === 'audio') ?? null
  }

  /** A microphone that is pulled out in a talk ends its track, and nobody would say so. */
  private watchTrack(track: MediaStreamTrack): void {
    track.addEventListener('ended', () => {
      if (this.localTrack === track) this.change({ microphone: 'gone' })
    })
  }

  private watchConnection(session: RTCSession, connection: RTCPeerConnection): void {
    this.playFrom(connection)
    connection.addEventListener('connectionstatechange', () => {
      if (session !== this.session) return
      if (connection.connectionState === 'connected') this.change({ sound: 'well' })
      else if (connection.connectionState === 'failed') this.change({ sound: 'broken' })
      else if (connection.connectionState === 'disconnected') {
        this.change({ sound: 'interrupted' })
        // Most often the network is gone, and the line with it.
        this.checkLine()
      }
    })
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
