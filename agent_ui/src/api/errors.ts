import type { Label } from './documents'

/**
 * What can go wrong between page and server.
 *
 *     ClientError
 *     ├── ServerSaidNo    the server answered with a problem document
 *     └── NoAnswer        no answer within the time limit, or no connection
 */
export class ClientError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = new.target.name
  }
}

export class ServerSaidNo extends ClientError {
  /** `retryAfterSeconds` is the answer's `Retry-After`, null when there is none. */
  constructor(
    readonly status: number,
    code: string,
    readonly detail: string,
    readonly retryAfterSeconds: number | null,
    /** What is wrong with which part of what was sent, as `body.contact_points.0.value`. */
    readonly faults: readonly { where: string; message: string }[] = [],
    /** What the code alone does not tell, in both languages. */
    readonly said: Label | null = null,
  ) {
    super(code, detail)
  }

  /** Whether the same request may succeed later without anyone changing it. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 429
  }
}

export class NoAnswer extends ClientError {
  constructor(message: string) {
    super('no_answer', message)
  }
}
