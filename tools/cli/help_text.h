// Text in lines that fit a terminal, as `temper help` prints it.
#pragma once

#include <cstddef>
#include <string>

namespace temper::cli {

// Words in lines that fit, all but the first begun by `indent` blanks.
std::string wrapped(const std::string& text, std::size_t indent);

// "  title   text": the text begins at `indent`, or behind a longer title.
std::string line_of(const std::string& title, const std::string& text, std::size_t indent);

}  // namespace temper::cli
