// DKIM's relaxed form, beside one written from RFC 6376 §3.4 without thought for speed.
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/dkim/canonical.h"
#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

std::string Relaxed(const std::vector<absl::string_view>& pieces) {
  smtp::dkim::RelaxedBody body;
  std::string out;
  const auto append = [&](absl::string_view text) { absl::StrAppend(&out, text); };
  for (const absl::string_view piece : pieces) body.Update(piece, append);
  body.Finish(append);
  return out;
}

// Runs of blanks as one space.
std::string Squeezed(absl::string_view line) {
  std::string out;
  for (const char c : line) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) out += c;
    if (blank && !absl::EndsWith(out, " ")) out += ' ';
  }
  return out;
}

std::string SlowlyRelaxed(absl::string_view body) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(body, "\r\n")) {
    std::string squeezed = Squeezed(line);
    if (absl::EndsWith(squeezed, " ")) squeezed.pop_back();
    absl::StrAppend(&out, squeezed, "\r\n");
  }
  while (absl::EndsWith(out, "\r\n\r\n")) out.resize(out.size() - 2);
  return out == "\r\n" ? "" : out;
}

std::string SlowlyRelaxedField(absl::string_view field) {
  const std::string unfolded = absl::StrReplaceAll(field, {{"\r", ""}, {"\n", ""}});
  const size_t colon = std::min(unfolded.find(':'), unfolded.size());
  std::string name = absl::AsciiStrToLower(unfolded.substr(0, colon));
  while (absl::EndsWith(name, " ") || absl::EndsWith(name, "\t")) name.pop_back();
  const std::string squeezed = Squeezed(unfolded.substr(std::min(colon + 1, unfolded.size())));
  absl::string_view value = squeezed;
  if (absl::StartsWith(value, " ")) value.remove_prefix(1);
  if (absl::EndsWith(value, " ")) value.remove_suffix(1);
  return absl::StrCat(name, ":", value, "\r\n");
}

}  // namespace

absl::Status CheckDkim(absl::string_view input) {
  if (input.empty()) return absl::OkStatus();
  const uint32_t seed = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  // Long bodies take other ways through the code, and nobody writes seeds of a thousand lines.
  std::string many;
  while (!input.empty() && many.size() < 1500) absl::StrAppend(&many, input);
  for (const absl::string_view body : {input, absl::string_view(many)}) {
    const std::string whole = Relaxed({body});
    RETURN_IF_ERROR(Expect(whole == SlowlyRelaxed(body), "the relaxed body of RFC 6376", whole));
    RETURN_IF_ERROR(Expect(Relaxed(Cut(body, seed)) == whole, "the same however it is cut", whole));
    RETURN_IF_ERROR(Expect(Relaxed({whole}) == whole, "relaxed twice is relaxed once", whole));
  }
  // A field is header text, so it has no empty line and no CR or LF that is not a fold's.
  std::string field, again;
  smtp::dkim::AppendRelaxedField(input, &field);
  RETURN_IF_ERROR(Expect(absl::StrContains(input.substr(0, input.find(':')), '\n') ||
                             absl::StrContains(input.substr(0, input.find(':')), '\r') ||
                             field == SlowlyRelaxedField(input),
                         "the relaxed field of RFC 6376", field));
  if (absl::StrContains(field.substr(0, field.size() - 2), '\n')) return absl::OkStatus();
  smtp::dkim::AppendRelaxedField(field, &again);
  return Expect(again == field, "a field relaxed twice is relaxed once", again);
}

}  // namespace crescendo::fuzz
