/** The words about the cluster: status, health, nodes, node, groups, log, transfer. */
import type { Receipt } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call, requireNode } from './call.js';
import { groupNames, groupRows, leaderIn, nodeRows, problemsOf, quorumOf, survey } from './survey.js';
import { groupNamed } from './words-terminal.js';

/** {cluster, quorum, groups, nodes, warnings}. */
export async function status(_command: CommandOf<'status'>, call: Call): Promise<Answer> {
  const found = await survey(call);
  const result = {
    cluster: found.cluster,
    quorum: quorumOf(found),
    groups: groupRows(found, groupNames(found)),
    nodes: nodeRows(found, call.view.group),
    warnings: problemsOf(found),
  };
  return { result };
}

/** {healthy, problems}. */
export async function health(_command: CommandOf<'health'>, call: Call): Promise<Answer> {
  const problems = problemsOf(await survey(call));
  return { result: { healthy: problems.length === 0, problems } };
}

/** A row for each node. */
export async function nodes(command: CommandOf<'nodes'>, call: Call): Promise<Answer> {
  const group = await shownGroup(command.flags.group, call);
  return { result: nodeRows(await survey(call), group), group };
}

/** The row of one node. */
export async function node(command: CommandOf<'node'>, call: Call): Promise<Answer> {
  const group = await shownGroup(command.flags.group, call);
  const rows = nodeRows(await survey(call), group);
  requireNode(command.arguments.node, rows);
  return { result: rows.find((row) => row.id === command.arguments.node) ?? null, group };
}

/** A row for each group, or for the one named. */
export async function groups(command: CommandOf<'groups'>, call: Call): Promise<Answer> {
  const { group } = command.arguments;
  const wanted = group === undefined ? null : [await groupNamed(group, call)];
  const found = await survey(call);
  return { result: groupRows(found, wanted ?? groupNames(found)) };
}

/** Entries of the log of a group, oldest first. */
export async function log(command: CommandOf<'log'>, call: Call): Promise<Answer> {
  const group = await shownGroup(command.flags.group, call);
  const cluster = await call.cluster();
  const leader = cluster.leaderOf(group);
  const node = call.node ?? (leader === '' ? undefined : leader);
  const argument = { group, count: command.arguments.n, from: command.flags.from ?? null };
  const receipt = await cluster.admin('log', argument, call.asking(node));
  return { ...answerOf(receipt, receipt.value), group };
}

/** {group, from, to, term}, or one for each group with --all. */
export async function transfer(command: CommandOf<'transfer'>, call: Call): Promise<Answer> {
  const to = command.arguments.node;
  const cluster = await call.cluster();
  requireNode(to, cluster.members);
  const found = await survey(call);
  const hand = async (group: string): Promise<Receipt> => {
    const leader = leaderIn(found, group);
    if (leader === undefined) throw new ConcordError('NO_LEADER', `${group} has no leader`, { details: { group } });
    return cluster.admin('transfer', { group, to }, call.asking(leader.id));
  };
  if (command.flags.all !== true) {
    const group = await shownGroup(command.flags.group, call);
    const receipt = await hand(group);
    return { ...answerOf(receipt, receipt.value), group };
  }
  const results: unknown[] = [];
  for (const group of groupNames(found)) {
    if (leaderIn(found, group)?.id !== to) results.push((await hand(group)).value);
  }
  return { result: results };
}

/** The group named by a flag, else the one in focus. */
async function shownGroup(named: string | undefined, call: Call): Promise<string> {
  return named === undefined ? call.view.group : groupNamed(named, call);
}
