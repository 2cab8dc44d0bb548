#include "smtp_client/dkim/signer.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "smtp_client/dkim/canonical.h"

namespace crescendo::smtp::dkim {
namespace {

constexpr size_t kFold = 76;

// One more of these than the sender wrote would show the reader something else (RFC 6376 §8.15).
constexpr absl::string_view kAlwaysSigned[] = {"from", "to",       "cc",         "subject",
                                               "date", "reply-to", "message-id", "mime-version"};
// Signed, and closed in the same way, where the message has them.
constexpr absl::string_view kSignedIfThere[] = {
    "sender",       "in-reply-to", "references", "content-type",     "content-transfer-encoding",
    "list-id",      "list-help",   "list-owner", "list-unsubscribe", "list-unsubscribe-post",
    "list-archive", "feedback-id"};

struct Field {
  absl::string_view name;
  absl::string_view raw;  // Without its last CRLF.
};

// Splits off the header; what is left of `*message` is the body.
std::vector<Field> TakeHeader(absl::string_view* message) {
  std::vector<Field> fields;
  fields.reserve(32);
  size_t at = 0;
  while (at < message->size() && message->substr(at, 2) != "\r\n") {
    size_t end = at;
    do {
      end = message->find("\r\n", end == at ? at : end + 2);
      if (end == absl::string_view::npos) end = message->size();
    } while (end + 2 < message->size() &&
             ((*message)[end + 2] == ' ' || (*message)[end + 2] == '\t'));
    const absl::string_view raw = message->substr(at, end - at);
    absl::string_view name = raw.substr(0, raw.find(':'));
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    fields.push_back({name, raw});
    at = std::min(end + 2, message->size());
  }
  message->remove_prefix(std::min(at + 2, message->size()));
  return fields;
}

// Adds `name` to h= once more than it occurs, and its fields to what is signed: the last one first.
void SignField(const std::vector<Field>& fields, absl::string_view name, bool always,
               std::vector<absl::string_view>* names, std::string* data) {
  bool any = false;
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (field->name.size() != name.size() || !absl::EqualsIgnoreCase(field->name, name)) continue;
    any = true;
    names->push_back(name);
    AppendRelaxedField(field->raw, data);
  }
  if (any || always) names->push_back(name);
}

void AppendNames(const std::vector<absl::string_view>& names, std::string* out) {
  size_t column = out->size() - out->rfind('\n');
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) *out += ':';
    if (column + names[i].size() + 2 > kFold) {
      *out += "\r\n  ";
      column = 2;
    }
    absl::StrAppend(out, names[i]);
    column += names[i].size() + 1;
  }
}

// `column`: bytes that stand on the line already.
void AppendFolded(absl::string_view base64, size_t column, std::string* out) {
  while (!base64.empty()) {
    const absl::string_view line = base64.substr(0, kFold - column);
    absl::StrAppend(out, column > 4 ? "" : "\r\n  ", line);
    base64.remove_prefix(line.size());
    column = 2;
  }
}

}  // namespace

Signer::Signer(const Keyring* keyring) : keyring_(keyring), table_(keyring->table()) {}

std::string Signer::Sign(absl::string_view domain, absl::string_view message, absl::Time time,
                         absl::Time expires) {
  if (std::shared_ptr<const KeyTable> now = keyring_->table(); now != table_) {
    contexts_.Forget();  // They point into the old table.
    table_ = std::move(now);
  }
  const Keys& keys = table_->Find(domain);
  if (keys.empty()) return "";

  const std::vector<Field> fields = TakeHeader(&message);
  std::vector<absl::string_view> names;
  header_.clear();
  names.reserve(32);
  for (const absl::string_view name : kAlwaysSigned) {
    SignField(fields, name, /*always=*/true, &names, &header_);
  }
  for (const absl::string_view name : kSignedIfThere) {
    SignField(fields, name, /*always=*/false, &names, &header_);
  }

  contexts_.Begin();
  const auto add = [this](absl::string_view text) { contexts_.Add(text); };
  RelaxedBody body;
  body.Update(message, add);
  body.Finish(add);
  const std::array<unsigned char, 32> digest = contexts_.Digest();
  const std::string body_hash = absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));

  std::string out;
  for (const auto& key : keys) {
    std::string field =
        absl::StrCat("DKIM-Signature: v=1; a=", AlgorithmName(key->algorithm()),
                     "; c=relaxed/relaxed;\r\n d=", key->domain(), ";\r\n s=", key->selector(),
                     "; t=", absl::ToUnixSeconds(time), ";");
    if (expires != absl::InfiniteFuture()) {
      absl::StrAppend(&field, " x=", absl::ToUnixSeconds(expires), ";");
    }
    field += "\r\n h=";
    AppendNames(names, &field);
    absl::StrAppend(&field, ";\r\n bh=", body_hash, ";\r\n b=");
    own_.clear();
    AppendRelaxedField(field, &own_);
    own_.resize(own_.size() - 2);  // §3.7: itself without the CRLF.
    contexts_.Begin();
    contexts_.Add(header_);
    contexts_.Add(own_);
    AppendFolded(absl::Base64Escape(contexts_.Sign(*key)), 5, &field);
    absl::StrAppend(&out, field, "\r\n");
  }
  return out;
}

}  // namespace crescendo::smtp::dkim
