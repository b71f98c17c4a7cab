// Texts as tokens and back: by the names of tokens, or, without names, a token for each byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

// Tokens of a model of bytes.
inline constexpr std::int64_t kByteTokens = 256;

class TokenNames {
 public:
  // `names`: one per token, as data.class_names has them; empty: tokens are bytes.
  explicit TokenNames(std::vector<std::string> names) : names_(std::move(names)) {}

  bool are_bytes() const { return names_.empty(); }
  // The longest name that fits comes first. THROWS: kInvalidArgument for a text that no names make
  // up.
  std::vector<std::int64_t> tokens_of(std::string_view text) const;
  std::string text_of(std::span<const std::int64_t> tokens) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace temper::training
