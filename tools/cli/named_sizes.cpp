#include "tools/cli/named_sizes.h"

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "tools/cli/name_list.h"

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

std::map<std::string, std::int64_t> named_sizes(const Arguments& arguments, const char* option) {
  std::map<std::string, std::int64_t> sizes;
  for (const std::string& part : split_list(arguments.text(option))) {
    const std::size_t equals = part.rfind('=');
    const auto size =
        equals == std::string::npos ? std::nullopt : read_number(part.substr(equals + 1));
    TEMPER_CHECK(equals != 0 && size && *size >= 1 && *size <= 1e9 &&
                     *size == static_cast<double>(static_cast<std::int64_t>(*size)),
                 ErrorCode::kInvalidArgument, option, " has '", part,
                 "', expected NAME=SIZE, such as batch=1");
    sizes[part.substr(0, equals)] = static_cast<std::int64_t>(*size);
  }
  return sizes;
}

}  // namespace temper::cli
