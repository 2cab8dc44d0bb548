// Haraka's plugin for what receiver.py asks of every server: two recipients it refuses, and a folder.
'use strict';
const fs = require('fs');

const folder = process.env.HARAKA_FOLDER;

exports.register = function () {
  this.house = this.config.get('house.ini').main;
};

exports.hook_lookup_rdns = function (next) {
  next(OK, 'localhost');  // No question to a name server.
};

exports.hook_mail = function (next, connection) {
  const limit = Number(this.house.messages);
  connection.notes.mails = (connection.notes.mails || 0) + 1;
  if (limit && connection.notes.mails > limit) return next(DENYSOFTDISCONNECT, 'too many messages');
  next();
};

exports.hook_rcpt = function (next, connection, params) {
  if (params[0].user === 'unknown') return next(DENY, 'no such user');
  if (params[0].user === 'full') return next(DENYSOFT, 'mailbox full');
  next(OK);
};

exports.hook_queue = function (next, connection) {
  const name = connection.transaction.uuid;
  const file = fs.createWriteStream(`${folder}/${name}`);
  file.on('close', () => {
    fs.renameSync(`${folder}/${name}`, `${folder}/delivered/new/${name}`);
    next(OK);
  });
  connection.transaction.message_stream.pipe(file);
};
