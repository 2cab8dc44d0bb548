#include "scheduler/dashboard/assets.h"

#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/dashboard/embedded_files.h"

namespace crescendo::dashboard {
namespace {

struct Asset {
  std::string text;
  std::string type;
  std::string etag;
};

std::string TypeOf(const std::string& name) {
  if (absl::EndsWith(name, ".js")) return "text/javascript; charset=utf-8";
  if (absl::EndsWith(name, ".css")) return "text/css; charset=utf-8";
  if (absl::EndsWith(name, ".svg")) return "image/svg+xml";
  return "text/html; charset=utf-8";
}

const std::map<std::string, Asset>& Assets() {
  static const auto* const assets = [] {
    auto* all = new std::map<std::string, Asset>;
    for (size_t i = 0; i < kEmbeddedFileCount; ++i) {
      const std::string name = kEmbeddedFiles[i].name, text = kEmbeddedFiles[i].text;
      const std::string etag = absl::StrCat("\"", absl::Hex(std::hash<std::string>()(text)), "\"");
      const std::string path = name == "index.html" ? "/" : absl::StrCat("/assets/", name);
      (*all)[path] = {text, TypeOf(name), etag};
    }
    return all;
  }();
  return *assets;
}

}  // namespace

Response AssetResponse(const Request& request) {
  const auto found = Assets().find(request.path);
  if (found == Assets().end()) {
    return {.status = 404,
            .body = "there is no such page; the API is at /api/v1/, the page at /\n"};
  }
  const Asset& asset = found->second;
  // Always asked for again, so that a new version of the daemon has its own page at once.
  Response response{.content_type = asset.type,
                    .headers = {{"Cache-Control", "no-cache"}, {"ETag", asset.etag}}};
  if (request.Header("if-none-match") == asset.etag) {
    response.status = 304;
  } else {
    response.body = asset.text;
  }
  return response;
}

}  // namespace crescendo::dashboard
