/** Settings of the process that have to stand before React and Ink load: imported first, for its effect. */

// React's development build costs half as much again per frame, and keeps an entry of every one.
process.env['NODE_ENV'] ??= 'production';
