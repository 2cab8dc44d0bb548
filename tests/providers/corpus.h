// corpus.h: tests/testdata/replies.tsv, real replies with the category and action people gave them.
//
// Threads  free functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/reply.h"

namespace crescendo::providers {

struct CorpusRow {
  int line = 0;          // In the file, for messages.
  std::string provider;  // As the file names it; see ProviderOf.
  std::string text;
  std::string category;  // "rate_limit_ip"
  std::string action;
};

// Ends the test program if the file is not there.
std::vector<CorpusRow> ReadCorpus();

// Our id of the provider a row names; `default` for those without a file of their own.
ProviderId ProviderOf(const CorpusRow& row);

// Our category of a row's; ends the test program on a word that is not known.
ReplyCategory CategoryOf(const CorpusRow& row);

// The replies a row may stand for: "421-4.7.0 text", "550; 5.7.515 text", "5.7.1 text" (code by the
// class), "4.7.500-699 text" (both ends of the range), a bare text (which must read the same after
// a 4yz as after a 5yz), each as one line and broken into several. The stage is the one "(in reply
// to …)" names, else RCPT and end of data.
std::vector<Reply> RepliesOf(absl::string_view text);

// `text` in lines of at most `width` bytes, broken at blanks.
std::vector<std::string> BreakLines(absl::string_view text, size_t width);

}  // namespace crescendo::providers
