// properties.h: what must hold for any input, per surface that takes input from strangers.
//
// Each function feeds `input` to one part of the program and says which promise of its header was
// broken, if any. corpus_test.cc asks them about every file of corpus/, in the normal suite;
// libfuzzer.cc about inputs that nobody thought of.
//
// Errors   INTERNAL: the promise that does not hold, and where.
// Threads  one at a time.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace crescendo::fuzz {

absl::Status CheckReplyParser(absl::string_view input);
absl::Status CheckCapabilities(absl::string_view input);
absl::Status CheckData(absl::string_view input);
absl::Status CheckAddress(absl::string_view input);
absl::Status CheckEncoding(absl::string_view input);
absl::Status CheckTemplate(absl::string_view input);
absl::Status CheckMessage(absl::string_view input);
absl::Status CheckRawMessage(absl::string_view input);
absl::Status CheckDkim(absl::string_view input);
absl::Status CheckClassifier(absl::string_view input);

struct Property {
  const char* name;  // Of its folder in corpus/ and of its libFuzzer program.
  absl::Status (*check)(absl::string_view input);
};
inline constexpr Property kProperties[] = {
    {"reply_parser", CheckReplyParser},
    {"capabilities", CheckCapabilities},
    {"data", CheckData},
    {"address", CheckAddress},
    {"encoding", CheckEncoding},
    {"template", CheckTemplate},
    {"message", CheckMessage},
    {"raw_message", CheckRawMessage},
    {"dkim", CheckDkim},
    {"classifier", CheckClassifier},
};

// OK if `holds`; else `promise`, and what is seen instead.
absl::Status Expect(bool holds, absl::string_view promise, absl::string_view seen = "");

// Up to the next line "%%" of `*input`, which moves behind it: inputs of several texts.
absl::string_view TakeText(absl::string_view* input);

// `text` in pieces whose sizes follow from `seed`: most are short.
std::vector<absl::string_view> Cut(absl::string_view text, uint32_t seed);

// Every CR and every LF of `text` is half of a CRLF, no NUL, at most 998 bytes a line.
absl::Status CheckLines(absl::string_view text);

}  // namespace crescendo::fuzz
