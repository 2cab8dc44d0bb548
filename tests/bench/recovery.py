"""How soon a daemon that holds 10^5 to 10^7 recipients serves and sends: see memory.py."""

import memory

memory.run("recovery")
