#include "tools/cli/named_sizes.h"

#include "runtime/base/error.h"

namespace temper::cli {

std::map<std::string, std::int64_t> named_sizes(const Arguments& arguments, std::size_t first) {
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = first; i < arguments.positionals().size(); ++i) {
    const std::string& word = arguments.positionals()[i];
    const std::size_t equals = word.find('=');
    TEMPER_CHECK(equals != std::string::npos && equals > 0, ErrorCode::kInvalidArgument, "'", word,
                 "' is not NAME=SIZE");
    const std::string name = word.substr(0, equals);
    Arguments one;
    one.options_[name] = word.substr(equals + 1);
    symbols[name] = one.integer(name, 1, 1);
  }
  return symbols;
}

}  // namespace temper::cli
