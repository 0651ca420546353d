// Loaded before the functions framework on a developer's machine: it listens on all addresses and has no setting for it, and
// with port 0 it does not say which one it got.
import { Server } from 'node:net';

const listen = Server.prototype.listen;
Server.prototype.listen = function listenOnLoopback(port, ...rest) {
  if (!/^\d+$/.test(String(port))) {
    return listen.call(this, port, ...rest);
  }
  this.once('listening', () => {
    console.log(`LISTENING http://127.0.0.1:${this.address().port}`);
  });
  return listen.call(this, Number(port), '127.0.0.1', ...rest);
};
