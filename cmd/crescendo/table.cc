#include "cmd/crescendo/table.h"

#include <algorithm>
#include <cmath>

#include "cmd/crescendo/printable.h"
#include "scheduler/base/check.h"

namespace crescendo::cli {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kMinElastic = 8;
constexpr size_t kMinProse = 20;

std::string Padded(absl::string_view text, size_t width, bool right) {
  const size_t taken = DisplayWidth(text);
  const std::string blanks(width > taken ? width - taken : 0, ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

std::string Cut(const Streams& streams, absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  const absl::string_view mark = streams.unicode ? "…" : "~";
  return std::string(FrontOfWidth(text, width - 1)) + std::string(mark);
}

// Lines of at most `width` columns, broken at blanks where there are any.
std::vector<std::string> Wrap(absl::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (DisplayWidth(text) > width) {
    absl::string_view front = FrontOfWidth(text, width);
    // A line may also end exactly before a blank.
    const size_t blank = text.substr(0, front.size() + 1).rfind(' ');
    if (blank != absl::string_view::npos && blank > 0) front = text.substr(0, blank);
    if (front.empty()) front = text.substr(0, 1);
    lines.emplace_back(front);
    text.remove_prefix(front.size());
    while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string WithoutTrailingBlanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Cell::Cell(absl::string_view raw, Style cell_style) : text(OneLine(raw)), style(cell_style) {}

Table::Table(std::vector<std::pair<std::string, Column>> columns) {
  for (auto& [heading, kind] : columns) {
    widths_.push_back(heading.size());
    headings_.push_back(std::move(heading));
    kinds_.push_back(kind);
  }
}

void Table::Add(std::vector<Cell> row) {
  CRESCENDO_CHECK(row.size() == kinds_.size());
  for (size_t i = 0; i < row.size(); ++i) {
    widths_[i] = std::max(widths_[i], DisplayWidth(row[i].text));
  }
  rows_.push_back(std::move(row));
}

// Takes columns from the widest that may give, until the row fits or nobody can give more.
std::vector<size_t> Table::Fit(size_t terminal) const {
  std::vector<size_t> widths = widths_;
  if (terminal == 0) return widths;
  size_t total = kGap * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  const auto spare = [&](size_t i) -> size_t {
    const size_t least = kinds_[i] == Column::kElastic ? std::max(kMinElastic, headings_[i].size())
                         : kinds_[i] == Column::kProse ? kMinProse
                                                       : widths[i];
    return widths[i] > least ? widths[i] - least : 0;
  };
  while (total > terminal) {
    size_t giver = 0;
    for (size_t i = 1; i < widths.size(); ++i) {
      if (spare(i) > spare(giver)) giver = i;
    }
    if (spare(giver) == 0) break;
    --widths[giver];
    --total;
  }
  return widths;
}

void Table::PrintRow(const Streams& streams, const std::vector<Cell>& row,
                     const std::vector<size_t>& widths) const {
  std::string line;
  size_t indent = 0;
  for (size_t i = 0; i + 1 < row.size(); ++i) {
    const std::string text = Cut(streams, row[i].text, widths[i]);
    line += Paint(streams, row[i].style, Padded(text, widths[i], kinds_[i] == Column::kRight)) +
            std::string(kGap, ' ');
    indent += widths[i] + kGap;
  }
  const size_t last = row.size() - 1;
  std::vector<std::string> tail;
  if (kinds_[last] == Column::kProse) {
    tail = Wrap(row[last].text, widths[last]);
  } else {
    tail.push_back(Padded(Cut(streams, row[last].text, widths[last]), widths[last],
                          kinds_[last] == Column::kRight));
  }
  for (size_t i = 0; i < tail.size(); ++i) {
    if (i > 0) line = std::string(indent, ' ');
    const std::string text = WithoutTrailingBlanks(tail[i]);
    streams.out << WithoutTrailingBlanks(line + Paint(streams, row[last].style, text)) << "\n";
  }
}

void Table::Print(const Streams& streams) {
  const std::vector<size_t> widths = Fit(static_cast<size_t>(std::max(0, streams.width())));
  if (!heading_printed_) {
    std::vector<Cell> heading;
    for (const std::string& text : headings_) heading.emplace_back(text, Style::kHeader);
    PrintRow(streams, heading, widths);
    heading_printed_ = true;
  }
  for (const std::vector<Cell>& row : rows_) PrintRow(streams, row, widths);
  rows_.clear();
}

void Card::Add(absl::string_view label, Cell value) {
  if (value.text.empty()) return;
  lines_.emplace_back(std::string(label), std::move(value));
}

void Card::Print(const Streams& streams) const {
  size_t label_width = 0;
  for (const auto& [label, value] : lines_) label_width = std::max(label_width, label.size());
  const size_t terminal = static_cast<size_t>(std::max(0, streams.width()));
  const size_t room = terminal > label_width + kGap + kMinProse ? terminal - label_width - kGap
                                                                : static_cast<size_t>(-1) / 2;
  for (const auto& [label, value] : lines_) {
    std::string front =
        Paint(streams, Style::kHeader, Padded(label, label_width, false)) + std::string(kGap, ' ');
    for (const std::string& text : Wrap(value.text, room)) {
      streams.out << front << Paint(streams, value.style, text) << "\n";
      front = std::string(label_width + kGap, ' ');
    }
  }
}

std::string Bar(const Streams& streams, double fraction, size_t width) {
  const size_t inside = width > 2 ? width - 2 : 1;
  const double clamped = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const size_t full = static_cast<size_t>(clamped * static_cast<double>(inside));
  std::string bar = "[";
  for (size_t i = 0; i < inside; ++i) {
    bar += i < full ? (streams.unicode ? "█" : "#") : (streams.unicode ? "░" : "-");
  }
  return bar + "]";
}

}  // namespace crescendo::cli
