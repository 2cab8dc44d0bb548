#include "smtp_client/message/compose.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kLongestLine = 998;  // RFC 5322 §2.1.1: must.
constexpr size_t kFieldLine = 80;     // The same: should, with its CRLF.

bool LinesAreShort(absl::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    if (end > kLongestLine) return false;
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return true;
}

// CRLF line ends, UTF-8: bytes that are none are replaced, line by line.
std::string BodyText(absl::string_view raw) {
  std::string text = WithCrLf(raw);
  if (IsUtf8(text)) return text;
  std::vector<std::string> clean;
  for (const absl::string_view line : absl::StrSplit(text, "\r\n")) {
    clean.push_back(CleanText(line));
  }
  return absl::StrJoin(clean, "\r\n");
}

// A MIME entity: its fields, an empty line, its body, which ends in CRLF.
std::string Entity(absl::string_view type, absl::string_view raw, bool eight_bit) {
  std::string body = BodyText(raw);
  if (!absl::EndsWith(body, "\r\n")) body += "\r\n";
  absl::string_view encoding = "7bit";
  if (!LinesAreShort(body) || !(IsAscii(body) || eight_bit)) {
    encoding = "quoted-printable";
    body = QuotedPrintable(body);
  } else if (!IsAscii(body)) {
    encoding = "8bit";
  }
  return absl::StrCat("Content-Type: ", type,
                      "; charset=utf-8\r\nContent-Transfer-Encoding: ", encoding, "\r\n\r\n", body);
}

// The same for the same message, and found in neither part.
std::string Boundary(absl::string_view id, absl::string_view one, absl::string_view other) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const unsigned char c : id) hash = (hash ^ c) * 0x100000001b3u;
  while (true) {
    const std::string boundary = absl::StrCat("=_", absl::Hex(hash, absl::kZeroPad16));
    if (!absl::StrContains(one, boundary) && !absl::StrContains(other, boundary)) return boundary;
    ++hash;
  }
}

std::string Body(const MessageParts& parts) {
  if (parts.html.empty()) return Entity("text/plain", parts.text, parts.eight_bit);
  const std::string html = Entity("text/html", parts.html, parts.eight_bit);
  if (parts.text.empty()) return html;
  const std::string text = Entity("text/plain", parts.text, parts.eight_bit);
  const std::string boundary = Boundary(parts.message_id, text, html);
  // The last part is the one preferred (RFC 2046 §5.1.4).
  return absl::StrCat("Content-Type: multipart/alternative; boundary=\"", boundary, "\"\r\n\r\n--",
                      boundary, "\r\n", text, "\r\n--", boundary, "\r\n", html, "\r\n--", boundary,
                      "--\r\n");
}

// An address or id inside its angle brackets: nothing of it may end them early.
std::string Angled(absl::string_view value) {
  std::string inner = CleanText(value);
  inner.erase(std::remove_if(inner.begin(), inner.end(),
                             [](char c) { return c == '<' || c == '>' || c == ' '; }),
              inner.end());
  return absl::StrCat("<", inner, ">");
}

std::string FromField(const MessageParts& parts) {
  const std::string phrase = Phrase(parts.from_name);
  if (phrase.empty()) return absl::StrCat("From: ", Angled(parts.from_address), "\r\n");
  const std::string address = Angled(parts.from_address);
  const std::string line = absl::StrCat("From: ", phrase, " ", address, "\r\n");
  if (line.size() <= kFieldLine) return line;
  return absl::StrCat("From:\r\n ", phrase, "\r\n ", address, "\r\n");
}

// URIs in <>, parted by commas: each on a line of its own.
std::string UnsubscribeFields(absl::string_view uris) {
  if (uris.empty()) return "";
  const std::string folded =
      absl::StrReplaceAll(CleanText(uris), {{">, <", ">,\r\n <"}, {">,<", ">,\r\n <"}});
  std::string fields = absl::StrCat("List-Unsubscribe: ", folded, "\r\n");
  // RFC 8058: one click is for https only.
  if (absl::StrContains(uris, "<https://")) {
    fields += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
  }
  return fields;
}

}  // namespace

std::string Compose(const MessageParts& parts) {
  const std::string date =
      absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", parts.date, absl::UTCTimeZone());
  return absl::StrCat(
      "Date: ", date, "\r\n", FromField(parts), "To: ", Angled(parts.to_address), "\r\n",
      HeaderField("Subject", parts.subject), "Message-ID: ", Angled(parts.message_id), "\r\n",
      UnsubscribeFields(parts.list_unsubscribe), "MIME-Version: 1.0\r\n", Body(parts));
}

}  // namespace crescendo::smtp
