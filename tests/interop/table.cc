#include "tests/interop/table.h"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace crescendo::testing {

size_t ResultTable::Find(std::vector<std::string>* names, absl::string_view name) {
  const auto found = std::find(names->begin(), names->end(), std::string(name));
  if (found != names->end()) return found - names->begin();
  names->push_back(std::string(name));
  return names->size() - 1;
}

void ResultTable::Put(absl::string_view row, absl::string_view column, absl::string_view result,
                      bool right) {
  cells_.push_back({Find(&rows_, row), Find(&columns_, column),
                    absl::StrCat(right ? "" : "**WRONG** ", result)});
  if (!right) ++wrong_;
}

std::string ResultTable::ToMarkdown() const {
  std::string text =
      absl::StrCat("# ", title_, "\n\n", cells_.size(), " results, ", wrong_, " wrong.\n\n| ",
                   corner_, " | ", absl::StrJoin(columns_, " | "), " |\n|---|");
  for (size_t i = 0; i < columns_.size(); ++i) text += "---|";
  text += "\n";
  for (size_t row = 0; row < rows_.size(); ++row) {
    std::vector<std::string> texts(columns_.size(), "–");
    for (const Cell& cell : cells_) {
      if (cell.row == row) texts[cell.column] = cell.text;
    }
    absl::StrAppend(&text, "| ", rows_[row], " | ", absl::StrJoin(texts, " | "), " |\n");
  }
  return text;
}

void ResultTable::Publish() const {
  if (cells_.empty()) return;
  const std::string text = ToMarkdown();
  std::cout << "\n" << text << std::endl;
  std::ofstream(CRESCENDO_BUILD_DIR "/" + file_) << text;
}

}  // namespace crescendo::testing
