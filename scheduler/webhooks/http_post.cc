#include "scheduler/webhooks/http_post.h"

#include <curl/curl.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace crescendo::webhooks {
namespace {

// Kept of an answer, for people.
constexpr size_t kKeptBytes = 200;
// An answer that is longer is no answer to an event.
constexpr size_t kMostBytes = 64 << 10;
constexpr size_t kLongestUrl = 2000;

struct Call {
  absl::FunctionRef<bool()> cancelled;
  std::string kept;
  size_t bytes = 0;
};

size_t Read(char* data, size_t size, size_t count, void* user) {
  auto* call = static_cast<Call*>(user);
  const size_t bytes = size * count;
  call->kept.append(data, std::min(bytes, kKeptBytes - std::min(kKeptBytes, call->kept.size())));
  call->bytes += bytes;
  return call->bytes > kMostBytes ? 0 : bytes;
}

int Progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Call*>(user)->cancelled() ? 1 : 0;
}

class CurlPoster final : public Poster {
 public:
  explicit CurlPoster(absl::Duration limit) : limit_(limit) {
    static const CURLcode kOnce = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)kOnce;
  }

  PostAnswer Post(const PostRequest& request, absl::FunctionRef<bool()> cancelled) override {
    PostAnswer answer;
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (curl == nullptr) {
      answer.fault = "no memory for a connection";
      return answer;
    }
    curl_slist* list = nullptr;
    for (const auto& [name, value] : request.headers) {
      list = curl_slist_append(list, absl::StrCat(name, ": ", value).c_str());
    }
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
    Call call{cancelled, {}, 0};
    char fault[CURL_ERROR_SIZE] = "";
    const auto set = [&](CURLoption option, auto value) {
      curl_easy_setopt(curl.get(), option, value);
    };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(limit_)));  // NOLINT
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_ERRORBUFFER, fault);
    set(CURLOPT_WRITEFUNCTION, &Read);
    set(CURLOPT_WRITEDATA, &call);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Progress);
    set(CURLOPT_XFERINFODATA, &call);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
      answer.fault = fault[0] != '\0' ? fault : curl_easy_strerror(code);
      return answer;
    }
    long status = 0;  // NOLINT: curl's own type.
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_off_t wait = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &wait);
    answer.code = static_cast<int>(status);
    answer.fault = std::move(call.kept);
    answer.retry_after = absl::Seconds(std::max<curl_off_t>(wait, 0));
    return answer;
  }

 private:
  const absl::Duration limit_;
};

}  // namespace

std::unique_ptr<Poster> NewPoster(absl::Duration limit) {
  return std::make_unique<CurlPoster>(limit);
}

absl::Status CheckUrl(const std::string& url) {
  const auto bad = [&](absl::string_view fault) {
    return absl::InvalidArgumentError(
        absl::StrCat("is \"", url.substr(0, 100), "\"", fault,
                     "; write https://host/path, or http://127.0.0.1:port/path on this host"));
  };
  if (url.size() > kLongestUrl) return bad(", which is longer than 2000 characters");
  for (const char c : url) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)))
      return bad(", with a blank or control");
  }
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return bad(", which is no address");
  }
  const auto part = [&](CURLUPart which) -> std::string {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, 0) != CURLUE_OK) return "";
    std::string copy = text;
    curl_free(text);
    return copy;
  };
  const std::string scheme = part(CURLUPART_SCHEME), host = part(CURLUPART_HOST);
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty()) {
    return bad(", with a user or password; requests are signed instead");
  }
  if (!part(CURLUPART_FRAGMENT).empty()) return bad(", with a fragment");
  if (scheme == "https" && !host.empty()) return absl::OkStatus();
  const bool loopback = host == "127.0.0.1" || host == "[::1]" || host == "localhost";
  if (scheme == "http" && loopback) return absl::OkStatus();
  if (scheme == "http") return bad(", in the clear: addresses of recipients would be seen by all");
  return bad(", neither https nor http");
}

}  // namespace crescendo::webhooks
