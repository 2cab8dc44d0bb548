// npm's smtp-server as receiver.py configures it.
'use strict';
const fs = require('fs');
const { SMTPServer } = require('smtp-server');

const [folder, port, size, messages, connections, idle, tls] = process.argv.slice(2);

function refusal(code, text) {
  return Object.assign(new Error(text), { responseCode: code });
}

function options() {
  return {
    name: 'mx.test',
    size: Number(size),
    authOptional: true,
    disabledCommands: ['AUTH'],
    disableReverseLookup: true,
    key: fs.readFileSync(`${folder}/key.pem`),
    cert: fs.readFileSync(`${folder}/cert.pem`),
    maxVersion: tls,
    socketTimeout: idle * 1000,
    maxClients: Number(connections) || Infinity,
    onMailFrom(address, session, done) {
      session.mails = (session.mails || 0) + 1;
      if (Number(messages) && session.mails > messages) {
        return done(refusal(421, '4.7.0 too many messages'));
      }
      done();
    },
    onRcptTo(address, session, done) {
      if (address.address.startsWith('unknown@')) return done(refusal(550, '5.1.1 no such user'));
      if (address.address.startsWith('full@')) return done(refusal(452, '4.2.2 mailbox full'));
      done();
    },
    onData(stream, session, done) {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        const data = Buffer.concat(chunks);
        if (stream.sizeExceeded) return done(refusal(552, '5.3.4 too large'));
        if (data.toString('latin1').split('Received:').length > 100) {
          return done(refusal(554, '5.4.6 too many hops'));
        }
        const name = `${Date.now()}.${process.hrtime.bigint()}`;
        fs.writeFileSync(`${folder}/${name}`, data);
        fs.renameSync(`${folder}/${name}`, `${folder}/delivered/new/${name}`);
        done();
      });
    },
  };
}

for (const host of ['127.0.0.1', '::1']) {
  const server = new SMTPServer(options());
  server.on('error', (error) => console.error(host, error.message));
  server.listen(Number(port), host);
}
