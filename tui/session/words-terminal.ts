/** The words about the terminal itself: help, use, focus, exit. */
import { ConcordError } from '../../protocol/errors.js';
import { help as explain, usage } from '../grammar/help.js';
import { type CommandOf, wordName } from '../grammar/words.js';
import { type Answer, type Call, requireNode } from './call.js';
import { groupNames, survey } from './survey.js';
import { AUTO, groupOf } from './view.js';

/** {word, usage, text}. */
export async function help(command: CommandOf<'help'>): Promise<Answer> {
  const { word } = command.arguments;
  const text = explain(word);
  const name = word === undefined ? undefined : wordName(word);
  return { result: { word: name ?? null, usage: usage(name ?? 'help'), text } };
}

/** {node}: the node this terminal talks to from now on. */
export async function use(command: CommandOf<'use'>, call: Call): Promise<Answer> {
  const { node } = command.arguments;
  if (node !== AUTO) requireNode(node, (await call.cluster()).members);
  call.view.choose({ use: node });
  return { result: { node } };
}

/** {group}: the group that is shown from now on. */
export async function focus(command: CommandOf<'focus'>, call: Call): Promise<Answer> {
  const { group } = command.arguments;
  const chosen = group === AUTO ? AUTO : await groupNamed(group, call);
  call.view.choose({ focus: chosen });
  return { result: { group: call.view.group } };
}

/** Nothing: whoever reads the lines knows the word and leaves. */
export async function exit(): Promise<Answer> {
  return { result: null };
}

/** The group that `name` is or lives in. @throws ConcordError NO_SUCH_GROUP */
export async function groupNamed(name: string, call: Call): Promise<string> {
  if (!/^(?:c|s\d+)$/.test(name)) return groupOf(name);
  const known = groupNames(await survey(call));
  if (known.length === 0 || known.includes(name)) return name;
  throw new ConcordError('NO_SUCH_GROUP', `there is no group ${name}: there are ${known.join(', ')}`, {
    details: { group: name },
  });
}
