/** Set-up of every mocha run: source maps in stacks, and an unhandled rejection fails the test during which it happened. */
const rejections = new Set<unknown>();

process.setSourceMapsEnabled(true);

function throwCollected(): void {
  const [first] = rejections;
  if (rejections.size === 0) return;
  rejections.clear();
  throw first;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Root hooks: mocha finds them by this name. */
export const mochaHooks = {
  beforeAll(): void {
    process.on('unhandledRejection', (reason) => rejections.add(reason));
  },
  async afterEach(): Promise<void> {
    await nextTurn();
    throwCollected();
  },
  async afterAll(): Promise<void> {
    await nextTurn();
    throwCollected();
  },
};
