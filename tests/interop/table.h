// table.h: what was seen, as a Markdown table: printed at the end of the run and kept in a file.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace crescendo::testing {

class ResultTable {
 public:
  // `corner`: the name of its rows' subject. `file`: its name in the folder of the build.
  ResultTable(std::string title, std::string corner, std::string file)
      : title_(std::move(title)), corner_(std::move(corner)), file_(std::move(file)) {}

  // Rows and columns stand in the order in which they are first named.
  void Put(absl::string_view row, absl::string_view column, absl::string_view result, bool right);
  std::string ToMarkdown() const;
  // Prints it and writes it, if anything was put.
  void Publish() const;

 private:
  struct Cell {
    size_t row, column;
    std::string text;
  };
  static size_t Find(std::vector<std::string>* names, absl::string_view name);

  const std::string title_, corner_, file_;
  std::vector<std::string> rows_, columns_;
  std::vector<Cell> cells_;
  int wrong_ = 0;
};

}  // namespace crescendo::testing
