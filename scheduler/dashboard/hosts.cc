#include "scheduler/dashboard/hosts.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/service/errors.h"

namespace crescendo::dashboard {
namespace {

// Without the port; "" if there is none that is a number.
std::string NameOf(const std::string& host) {
  const size_t end = !host.empty() && host[0] == '[' ? host.find(']') : std::string::npos;
  const size_t colon = host.find(':', end == std::string::npos ? 0 : end);
  if (colon == std::string::npos) return absl::AsciiStrToLower(host);
  int port = 0;
  if (!absl::SimpleAtoi(host.substr(colon + 1), &port) || port < 1 || port > 65535) return "";
  return absl::AsciiStrToLower(host.substr(0, colon));
}

}  // namespace

bool IsAllowedHost(const std::string& host, const std::vector<std::string>& allowed) {
  const std::string name = NameOf(host);
  in_addr v4;
  if (name == "localhost" || name == "[::1]") return true;
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return !name.empty() && std::find(allowed.begin(), allowed.end(), name) != allowed.end();
}

absl::Status CheckSource(const Request& request, const std::vector<std::string>& allowed) {
  const std::string host = request.Header("host");
  if (!IsAllowedHost(host, allowed)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the Host header is ", service::Quoted(host),
                     ", which is not loopback; behind a proxy, name it in http.allowed_hosts"));
  }
  const std::string site = request.Header("sec-fetch-site");
  if (site == "cross-site" || site == "same-site") {
    // A link from elsewhere is followed; nothing else from elsewhere is answered.
    if (request.method != "GET" || request.Header("sec-fetch-mode") != "navigate") {
      return absl::PermissionDeniedError("this is answered to its own page only");
    }
  }
  const std::string origin = request.Header("origin");
  if (!origin.empty() && origin != "http://" + host && origin != "https://" + host) {
    return absl::PermissionDeniedError(absl::StrCat("the Origin header is ",
                                                    service::Quoted(origin),
                                                    ": this is answered to its own page only"));
  }
  return absl::OkStatus();
}

}  // namespace crescendo::dashboard
