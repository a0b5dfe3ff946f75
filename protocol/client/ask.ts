/** A question: asked of one node at a time, and of another when the first cannot answer. For what does no harm when done twice. */
import type { Random } from '../env.js';
import { ConcordError } from '../errors.js';
import type { Message, MessageOf } from '../messages.js';
import { type Alarm, type Alarms, Reminder, UNSET } from './alarms.js';
import { Backoff } from './backoff.js';
import type { Answer, Link, Request } from './link.js';
import type { Links } from './links.js';
import { obstacleTo } from './route.js';
import { failureError, treatmentOf } from './treatment.js';

/** Pauses after every node that could be asked has been asked, ms. */
const PAUSE_FIRST_MS = 25;
const PAUSE_LAST_MS = 1000;
/** Longest deadline that fits the wire, ms. */
const DEADLINE_MS_MAX = 2 ** 32 - 1;

/** What is asked, of whom, and who wants to know. */
export interface Question {
  /** The node that has to answer, or '' for any. */
  readonly node: string;
  /** The group whose leader has to answer, or ''. */
  readonly leaderOf: string;
  /** false: a refusal that another node or a later time might mend is the answer. */
  readonly follow: boolean;
  /** It changes something: lost without an answer, nobody knows whether. */
  readonly effect: boolean;
  message(correlation: number, deadline_ms: number): Message;
  /** `sent_ms`: when the attempt that was answered was sent. */
  answered(answer: MessageOf<'reply'> | MessageOf<'answer'>, link: Link, sent_ms: number): void;
  failed(error: ConcordError): void;
}

/** What a question needs of its client. */
export interface AskOwner {
  readonly alarms: Alarms;
  readonly links: Links;
  readonly random: Random;
  /** Questions under way, to be woken when a route changes. */
  readonly asks: Set<Ask>;
}

/** A question under way. */
export class Ask implements Alarm, Request {
  at_ms = 0;
  slot = UNSET;
  readonly #owner: AskOwner;
  readonly #question: Question;
  readonly #backoff: Backoff;
  readonly #pause = new Reminder(() => {
    this.#askRound = true;
    this.#go();
    this.#askRound = false;
  });
  readonly #started_ms: number;
  /** Nodes that have been asked since the last pause. */
  readonly #tried = new Set<Link>();
  /** A pause has run out: while no leader is known, any node may be asked. */
  #askRound = false;
  /** The node that a refusal named. */
  #hint = '';
  #link: Link | undefined;
  #correlation = 0;
  #sent_ms = 0;
  #refusal: ConcordError | undefined;
  /** Some attempt was lost without an answer. */
  #doubt = false;

  /** Asks at once. */
  constructor(owner: AskOwner, question: Question, timeout_ms: number) {
    this.#owner = owner;
    this.#question = question;
    this.#backoff = new Backoff(owner.random, PAUSE_FIRST_MS, PAUSE_LAST_MS);
    this.#started_ms = owner.alarms.now();
    owner.asks.add(this);
    owner.alarms.set(this, timeout_ms);
    this.#go();
  }

  /** A link or a leader changed. */
  wake(): void {
    const { leaderOf } = this.#question;
    if (this.#correlation === 0) {
      this.#go();
      return;
    }
    if (leaderOf === '') return;
    const leader = this.#owner.links.leader(leaderOf);
    if (leader === undefined || leader === this.#link) return;
    // Whoever was asked leads no more and may be silent.
    this.#withdraw();
    this.#tried.clear();
    this.#go();
  }

  /** Ends it without an answer: `error`, definite unless it may have had an effect. */
  giveUp(error: ConcordError): void {
    const { code, message, details } = error;
    const definite = !this.#question.effect || (!this.#doubt && this.#correlation === 0);
    this.#end();
    this.#question.failed(new ConcordError(code, message, { definite, details }));
  }

  ring(): void {
    const ms = Math.round(this.#owner.alarms.now() - this.#started_ms);
    const unknown = this.#question.effect && (this.#doubt || this.#correlation !== 0);
    if (unknown) this.giveUp(new ConcordError('TIMEOUT', `no answer within ${ms} ms`));
    else this.giveUp(this.#refusal ?? this.#obstacle() ?? new ConcordError('DEADLINE', `no answer within ${ms} ms`));
  }

  answered(answer: Answer, link: Link): void {
    this.#correlation = 0;
    switch (answer.kind) {
      case 'reply':
      case 'answer':
        this.#end();
        this.#question.answered(answer, link, this.#sent_ms);
        return;
      case 'failure':
        this.#refused(failureError(answer), link);
        return;
      case 'pending':
        this.giveUp(new ConcordError('INTERNAL', `${link.node} answered a question with PENDING`));
        return;
      default:
        answer satisfies never;
    }
  }

  lost(): void {
    this.#correlation = 0;
    this.#doubt = true;
    const { effect, node } = this.#question;
    if (effect && node !== '') this.giveUp(new ConcordError('UNREACHABLE', `lost the connection to ${node}`));
    else this.#go();
  }

  #refused(error: ConcordError, link: Link): void {
    const treatment = treatmentOf(error.code);
    if (!error.definite) this.#doubt = true;
    if ((treatment !== 'elsewhere' && treatment !== 'again') || (!this.#question.follow && treatment === 'elsewhere')) {
      const { code, message, details } = error;
      this.giveUp(new ConcordError(code, message, { details }));
      return;
    }
    this.#refusal = error;
    const { leaderOf } = this.#question;
    const { leader } = error.details;
    if (typeof leader === 'string') this.#hint = leader;
    if (leaderOf !== '' && treatment === 'elsewhere') this.#owner.links.refused(leaderOf, link, error.details);
    this.#go();
  }

  /** Sends it to the next node, or waits. */
  #go(): void {
    const { alarms } = this.#owner;
    const link = this.#choose();
    if (link === undefined) {
      this.#tried.clear();
      const obstacle = this.#question.follow ? undefined : this.#obstacle();
      if (obstacle !== undefined) {
        this.giveUp(obstacle);
        return;
      }
      if (this.#pause.slot === UNSET) alarms.set(this.#pause, this.#backoff.next());
      return;
    }
    alarms.clear(this.#pause);
    this.#tried.add(link);
    this.#link = link;
    this.#sent_ms = alarms.now();
    this.#correlation = link.expect(this);
    const left_ms = Math.max(1, Math.min(Math.floor(this.at_ms - this.#sent_ms), DEADLINE_MS_MAX));
    link.send(this.#question.message(this.#correlation, left_ms));
  }

  #choose(): Link | undefined {
    const { links } = this.#owner;
    const { node, leaderOf } = this.#question;
    const fresh = (link: Link | undefined) => (link !== undefined && !this.#tried.has(link) ? link : undefined);
    if (node !== '') return fresh(links.get(node));
    if (leaderOf === '')
      return fresh(links.get(this.#hint)) ?? links.all.find((link) => link.up && !this.#tried.has(link));
    const leader = links.leader(leaderOf);
    return leader === undefined && this.#askRound ? links.after(this.#link) : fresh(leader);
  }

  /** Why nobody can be asked at the moment, or undefined. */
  #obstacle(): ConcordError | undefined {
    const { links } = this.#owner;
    const { node, leaderOf } = this.#question;
    if (leaderOf !== '') {
      const obstacle = obstacleTo(links, leaderOf);
      return obstacle && new ConcordError(obstacle.code, obstacle.message, { details: obstacle.details });
    }
    if (node !== '' && links.get(node) === undefined)
      return new ConcordError('UNREACHABLE', `no connection to ${node}`);
    return links.nearest() === undefined ? new ConcordError('UNREACHABLE') : undefined;
  }

  #withdraw(): void {
    if (this.#correlation === 0) return;
    this.#link?.forget(this.#correlation);
    this.#correlation = 0;
    this.#doubt = true;
  }

  #end(): void {
    this.#withdraw();
    this.#owner.alarms.clear(this);
    this.#owner.alarms.clear(this.#pause);
    this.#owner.asks.delete(this);
  }
}
