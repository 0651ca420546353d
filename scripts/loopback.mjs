// Loaded before the functions framework on a developer's machine: it listens on all addresses and has no setting for it.
import { Server } from 'node:net';

const listen = Server.prototype.listen;
Server.prototype.listen = function listenOnLoopback(port, ...rest) {
  return /^\d+$/.test(String(port)) ? listen.call(this, Number(port), '127.0.0.1', ...rest) : listen.call(this, port, ...rest);
};
