// list.h: lists, page by page: a table for people, one message a line for programs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/context.h"
#include "cmd/crescendo/table.h"

namespace crescendo::cli {

struct ListLimit {
  int64_t rows = 0;       // 0: all.
  const char* more = "";  // What to say when there are more, e.g. "--all shows all".
};

// `items(response)` are a page's messages; `row(item)` its cells. Constant memory: each page is
// printed as it comes.
template <typename Stub, typename Request, typename Response, typename Items, typename Row>
absl::Status PrintList(Context& context,
                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       Request request, Items items, Table table, Row row, ListLimit limit = {}) {
  constexpr int64_t kMaxPage = 1000;
  // One more than wanted tells whether there are more.
  request.set_page_size(
      static_cast<int>(limit.rows > 0 ? std::min(limit.rows + 1, kMaxPage) : kMaxPage));
  int64_t count = 0;
  bool more = false;
  const absl::Status status = context.client.Pages(method, request, [&](const Response& response) {
    for (const auto& item : items(response)) {
      more = limit.rows > 0 && count == limit.rows;
      if (more) break;
      ++count;
      if (!Emit(context, item, [&](const auto& message) { table.Add(row(message)); })) break;
    }
    if (!table.empty()) table.Print(context.streams);
    return context.streams.out.good() && !more;
  });
  context.streams.out.flush();
  if (status.ok() && count == 0) Hint(context, "none");
  if (status.ok() && more && !context.options.json) {
    context.streams.err << "the first " << limit.rows << "; " << limit.more << "\n";
  }
  return status;
}

}  // namespace crescendo::cli
