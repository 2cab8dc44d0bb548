#include "tests/fuzz/mail_model.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

void Start() {
  static const bool kReady = (g_mime_init(), true);
  (void)kReady;
}

std::string Unfolded(absl::string_view value) { return absl::StrReplaceAll(value, {{"\r\n", ""}}); }

std::string ContentOf(GMimePart* part) {
  GMimeDataWrapper* content = g_mime_part_get_content(part);
  if (content == nullptr) return "";
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(content, stream.get());
  const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return std::string(reinterpret_cast<const char*>(bytes->data), bytes->len);
}

void AddLeaves(GMimeObject* part, std::vector<std::string>* leaves) {
  if (GMIME_IS_MULTIPART(part)) {
    GMimeMultipart* multipart = GMIME_MULTIPART(part);
    for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) {
      AddLeaves(g_mime_multipart_get_part(multipart, i), leaves);
    }
  } else {
    leaves->push_back(GMIME_IS_PART(part) ? ContentOf(GMIME_PART(part)) : "");
  }
}

std::string Decode(absl::string_view text, GMimeContentEncoding encoding) {
  GMimeEncoding state;
  g_mime_encoding_init_decode(&state, encoding);
  std::string out(g_mime_encoding_outlen(&state, text.size()), '\0');
  out.resize(g_mime_encoding_flush(&state, text.data(), text.size(), out.data()));
  return out;
}

absl::Status CheckField(absl::string_view line, const std::vector<std::string>& eight_bit,
                        Fields* fields) {
  if (absl::StartsWith(line, " ") || absl::StartsWith(line, "\t")) {
    RETURN_IF_ERROR(Expect(!fields->empty(), "a fold has a field before it", line));
    RETURN_IF_ERROR(Expect(line.find_first_not_of(" \t") != absl::string_view::npos,
                           "a fold has something on it", line));
    absl::StrAppend(&fields->back().second, "\r\n", line);
  } else {
    const size_t colon = std::min(line.find(':'), line.size());
    const absl::string_view name = line.substr(0, colon);
    const bool good =
        !name.empty() && colon < line.size() &&
        std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F; });
    RETURN_IF_ERROR(Expect(good, "a header line is Name: value", line));
    fields->emplace_back(name, line.substr(colon + 1));
  }
  const bool may = std::any_of(eight_bit.begin(), eight_bit.end(), [&](const std::string& name) {
    return absl::EqualsIgnoreCase(name, fields->back().first);
  });
  return Expect(smtp::IsAscii(line) || may, "a header is ASCII", line);
}

}  // namespace

absl::StatusOr<Fields> ReadFields(absl::string_view text,
                                  const std::vector<std::string>& eight_bit) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    RETURN_IF_ERROR(Expect(end != absl::string_view::npos, "a header line ends", text));
    const absl::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty()) break;
    RETURN_IF_ERROR(CheckField(line, eight_bit, &fields));
  }
  return fields;
}

int Count(const Fields& fields, absl::string_view name) {
  return static_cast<int>(std::count_if(fields.begin(), fields.end(), [&](const auto& field) {
    return absl::EqualsIgnoreCase(field.first, name);
  }));
}

std::vector<std::string> LeavesOf(absl::string_view message) {
  Start();
  const Owned<GMimeStream> stream(
      g_mime_stream_mem_new_with_buffer(message.data(), message.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const Owned<GMimeMessage> parsed(g_mime_parser_construct_message(parser.get(), nullptr));
  std::vector<std::string> leaves;
  if (parsed == nullptr) return leaves;
  if (GMimeObject* root = g_mime_message_get_mime_part(parsed.get())) AddLeaves(root, &leaves);
  return leaves;
}

std::string DecodeText(absl::string_view value) {
  Start();
  char* decoded = g_mime_utils_header_decode_text(nullptr, Unfolded(value).c_str());
  std::string text = decoded;
  g_free(decoded);
  return text;
}

std::vector<Mailbox> ReadMailboxes(absl::string_view value) {
  Start();
  std::vector<Mailbox> found;
  const Owned<InternetAddressList> list(
      internet_address_list_parse(nullptr, Unfolded(value).c_str()));
  for (int i = 0; list != nullptr && i < internet_address_list_length(list.get()); ++i) {
    InternetAddress* address = internet_address_list_get_address(list.get(), i);
    const char* name = internet_address_get_name(address);
    Mailbox& mailbox = found.emplace_back();
    if (name != nullptr) mailbox.name = name;
    if (INTERNET_ADDRESS_IS_MAILBOX(address)) {
      mailbox.address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
    }
  }
  return found;
}

std::string DecodeQuotedPrintable(absl::string_view text) {
  return Decode(text, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
}
std::string DecodeBase64(absl::string_view text) {
  return Decode(text, GMIME_CONTENT_ENCODING_BASE64);
}

}  // namespace crescendo::fuzz
