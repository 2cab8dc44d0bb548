// certificate.h: what a server's certificate says, and whether it can be believed.
//
// Threads  as the SSL object's.
#pragma once

#include <string>

#include <openssl/ssl.h>

#include "scheduler/ports/prober.h"

namespace crescendo::smtp {

// Of a handshake that is done. The chain is verified with the roots of `trust` and the name with
// `host`, a name or an address, both again: a handshake that did not ask for it has not.
ports::TlsFacts InspectTls(SSL* ssl, SSL_CTX* trust, const std::string& host);

}  // namespace crescendo::smtp
