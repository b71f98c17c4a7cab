#include "tools/cli/help_text.h"

#include <algorithm>

namespace temper::cli {
namespace {

constexpr std::size_t kWidth = 92;

}  // namespace

std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += " ";
      ++column;
    }
    out += word;
    column += word.size();
    begin = end + 1;
  }
  return out;
}

std::string line_of(const std::string& title, const std::string& text, std::size_t indent) {
  std::string head = "  " + title;
  head.resize(std::max(head.size() + 2, indent), ' ');
  return head + wrapped(text, head.size()) + "\n";
}

}  // namespace temper::cli
