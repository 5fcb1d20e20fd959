"""A mail server on loopback: one port in the open, one with STARTTLS, one with TLS from the first byte.

It writes a line of JSON for each mail that it takes, and does what a recipient's name asks for:
`refused@` is refused for good, `busy@` is put off twice, `lost@` is taken once without an answer.
"""

import asyncio
import email
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

PORTS = [int(port) for port in sys.argv[1:4]]
CERTIFICATE, KEY, LOG = sys.argv[4:7]
PUT_OFF = {}
LOST = set()


class Mailbox:
    def __init__(self, way):
        self.way = way

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        if address.startswith("busy") and PUT_OFF.setdefault(address, 0) < 2:
            PUT_OFF[address] += 1
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        took = {
            "way": self.way,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "user": session.auth_data.decode() if session.auth_data else None,
            "to": envelope.rcpt_tos,
            "message_id": mail["Message-ID"],
            "name": mail["X-Launchgate-Message"],
            "subject": mail["Subject"],
            "text": mail.get_payload(decode=True).decode(),
        }
        with open(LOG, "a") as log:
            log.write(json.dumps(took) + "\n")
        lost = [to for to in envelope.rcpt_tos if to.startswith("lost") and to not in LOST]
        if lost:
            LOST.update(lost)
            server.transport.abort()
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    if isinstance(data, LoginPassword) and data.login == b"launches" and data.password == b"s3cret":
        return AuthResult(success=True, auth_data=data.login)
    return AuthResult(success=False, handled=False)


async def main():
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    auth = {"authenticator": known, "auth_require_tls": False}
    open_, starttls, implicit = PORTS
    makers = [
        (open_, None, lambda: SMTP(Mailbox("open"), **auth)),
        (
            starttls,
            None,
            lambda: SMTP(Mailbox("starttls"), tls_context=context, require_starttls=True, **auth),
        ),
        (implicit, context, lambda: SMTP(Mailbox("implicit"), **auth)),
    ]
    servers = [
        await loop.create_server(make, host="127.0.0.1", port=port, ssl=tls)
        for port, tls, make in makers
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
