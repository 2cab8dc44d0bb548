"""aiosmtpd on a free port of 127.0.0.1, for the interoperability tests.

  smtp_aiosmtpd.py [--tls CERTIFICATE KEY] [--require-tls] [--size BYTES] [--tls12]
                   [--port PORT] [--messages N] [--idle SECONDS] [--folder FOLDER]

Prints "PORT n", then one JSON line for each message taken: from, to, tls, utf8, and the data in
latin-1; or, with --folder, writes the data there. Some recipients are refused: unknown@ 550, full@
452; spam@ and what has come too far at the end of the data. After so many messages it wants no more
on the connection. Ends when its standard input does, unless a port is given: then it listens on [::1]
too, for as long as it is left alone.
"""
import argparse
import asyncio
import itertools
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, options):
        self.options = options
        self.names = itertools.count(1)

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        session.mails = getattr(session, "mails", 0) + 1
        if self.options.messages and session.mails > self.options.messages:
            return "421 4.7.0 too many messages"
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return "550 5.1.1 no such user"
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("spam@"):
            return "554 5.7.1 looks like spam"
        if envelope.original_content.count(b"Received:") > 100:
            return "554 5.4.6 too many hops"
        if self.options.folder:
            name = str(next(self.names))
            part = self.options.folder.parent / name
            part.write_bytes(envelope.original_content)
            part.rename(self.options.folder / name)
            return "250 2.0.0 taken"
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "utf8": bool(envelope.smtp_utf8),
            "data": envelope.original_content.decode("latin-1"),
        }), flush=True)
        return "250 2.0.0 taken"


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--tls", nargs=2)
    options.add_argument("--require-tls", action="store_true")
    options.add_argument("--size", type=int, default=33554432)
    options.add_argument("--tls12", action="store_true")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--messages", type=int)
    options.add_argument("--idle", type=float, default=300)
    options.add_argument("--folder", type=pathlib.Path)
    options = options.parse_args()
    handler = Handler(options)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
    loop = asyncio.get_running_loop()

    def factory():
        return SMTP(handler, hostname="aiosmtpd.test", enable_SMTPUTF8=True, loop=loop,
                    tls_context=context, require_starttls=options.require_tls,
                    data_size_limit=options.size, timeout=options.idle)

    if options.port:
        for host in ("127.0.0.1", "::1"):
            try:
                await loop.create_server(factory, host, options.port)
            except OSError:
                if host == "127.0.0.1":
                    raise
        return await asyncio.Event().wait()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
