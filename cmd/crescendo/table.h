// table.h: rows and cards for people.
//
// Cells are given as they came; the table makes them safe for the terminal. On a terminal a table
// keeps to its width: elastic columns are cut with an ellipsis, and the last column, where it
// explains something, continues on further lines. Elsewhere nothing is cut.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "cmd/crescendo/streams.h"

namespace crescendo::cli {

enum class Column {
  kLeft,
  kRight,    // Numbers.
  kElastic,  // May be cut.
  kProse     // The last column only: wraps.
};

struct Cell {
  Cell(absl::string_view text, Style style = Style::kPlain);        // NOLINT: a text is a cell.
  Cell(const char* text) : Cell(absl::string_view(text)) {}         // NOLINT
  Cell(const std::string& text) : Cell(absl::string_view(text)) {}  // NOLINT
  std::string text;
  Style style;
};

class Table {
 public:
  explicit Table(std::vector<std::pair<std::string, Column>> columns);

  // REQUIRES: as many cells as columns.
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // Writes the rows added since the last Print; the heading with the first ones. Columns stay as
  // wide as they were, so that the pages of one long list line up.
  void Print(const Streams& streams);

 private:
  std::vector<size_t> Fit(size_t terminal) const;
  void PrintRow(const Streams& streams, const std::vector<Cell>& row,
                const std::vector<size_t>& widths) const;

  std::vector<std::string> headings_;
  std::vector<Column> kinds_;
  std::vector<size_t> widths_;  // Of the widest cell so far.
  std::vector<std::vector<Cell>> rows_;
  bool heading_printed_ = false;
};

// One resource: "label  value" lines. Values of "" are left out.
class Card {
 public:
  void Add(absl::string_view label, Cell value);
  void Print(const Streams& streams) const;

 private:
  std::vector<std::pair<std::string, Cell>> lines_;
};

// "[######----]" of `width` columns, brackets included, or block characters.
std::string Bar(const Streams& streams, double fraction, size_t width);

}  // namespace crescendo::cli
