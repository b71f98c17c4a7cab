#include "training/analysis/token_names.h"

#include "runtime/base/error.h"

namespace temper::training {

std::vector<std::int64_t> TokenNames::tokens_of(std::string_view text) const {
  std::vector<std::int64_t> tokens;
  if (are_bytes()) {
    for (const char byte : text) {
      tokens.push_back(static_cast<unsigned char>(byte));
    }
    return tokens;
  }
  for (std::size_t at = 0; at < text.size();) {
    std::size_t best = 0, length = 0;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].size() > length && text.substr(at).starts_with(names_[i])) {
        best = i;
        length = names_[i].size();
      }
    }
    TEMPER_CHECK(length > 0, ErrorCode::kInvalidArgument, "no token begins '", text.substr(at, 8),
                 "', at byte ", at, " of the prompt; the model knows ", names_.size(),
                 " tokens, those of data.class_names");
    tokens.push_back(static_cast<std::int64_t>(best));
    at += length;
  }
  return tokens;
}

std::string TokenNames::text_of(std::span<const std::int64_t> tokens) const {
  std::string text;
  for (const std::int64_t token : tokens) {
    if (are_bytes()) {
      text += static_cast<char>(static_cast<unsigned char>(token));
    } else {
      text += static_cast<std::size_t>(token) < names_.size()
                  ? names_[static_cast<std::size_t>(token)]
                  : concat("<", token, ">");
    }
  }
  return text;
}

}  // namespace temper::training
