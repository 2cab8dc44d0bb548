"""verify_dkim.py RECORDS MESSAGE...: what python3-dkim says of every signature.

RECORDS holds lines of a DNS name, a space, and its TXT record. Prints one line a message: for each of
its signatures, from the top, its selector and "good" or "bad".
"""
import re
import sys

import dkim


def selectors(message):
    header = message.split(b"\r\n\r\n", 1)[0]
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", header)
    return re.findall(rb"(?im)^DKIM-Signature:.*?\bs=([^;\s]+)", unfolded)


def verdicts(message, records):
    for index, selector in enumerate(selectors(message)):
        try:
            good = dkim.DKIM(message).verify(
                idx=index, dnsfunc=lambda name, timeout=5: records.get(name.rstrip(b".")))
        except dkim.DKIMException as error:
            print(error, file=sys.stderr)
            good = False
        yield f"{selector.decode()}={'good' if good else 'bad'}"


def main():
    records = {}
    with open(sys.argv[1], "rb") as file:
        for line in file:
            name, record = line.rstrip(b"\n").split(b" ", 1)
            records[name] = record
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            print(" ".join(verdicts(file.read(), records)))


if __name__ == "__main__":
    main()
