"""aiosmtpd on a free port of 127.0.0.1, for the interoperability tests.

  smtp_aiosmtpd.py [--tls CERTIFICATE KEY] [--require-tls] [--size BYTES]

Prints "PORT n", then one JSON line for each message taken: from, to, tls, utf8, and the data in
latin-1. Some recipients are refused: unknown@ 550, full@ 452; spam@ at the end of the data.
Ends when its standard input does.
"""
import argparse
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Handler:
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
    options = options.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    loop = asyncio.get_running_loop()

    def factory():
        return SMTP(Handler(), hostname="aiosmtpd.test", enable_SMTPUTF8=True, loop=loop,
                    tls_context=context, require_starttls=options.require_tls,
                    data_size_limit=options.size)

    server = await loop.create_server(factory, "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
