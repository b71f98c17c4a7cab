#include "training/settings/name_pattern.h"

#include "runtime/base/error.h"
#include "training/settings/component.h"

namespace temper::training {
namespace {

std::vector<std::string_view> split_parts(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool colons = i + 1 < text.size() && text[i] == ':' && text[i + 1] == ':';
    if (i == text.size() || text[i] == '.' || text[i] == '/' || colons) {
      parts.push_back(text.substr(begin, i - begin));
      i += colons ? 1 : 0;
      begin = i + 1;
    }
  }
  return parts;
}

// `*` within one part, iteratively with one backtrack point.
bool matches_part(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  const auto wanted = split_parts(pattern);
  const auto parts = split_parts(name);
  // reach[j]: the pattern parts so far can match the first j parts of the name.
  std::vector<bool> reach(parts.size() + 1, false);
  reach[0] = true;
  for (const std::string_view part : wanted) {
    std::vector<bool> next(parts.size() + 1, false);
    bool any_before = false;
    for (std::size_t j = 0; j <= parts.size(); ++j) {
      if (part == "**") {
        any_before = any_before || reach[j];
        next[j] = any_before;
      } else if (j > 0) {
        next[j] = reach[j - 1] && matches_part(part, parts[j - 1]);
      }
    }
    reach = std::move(next);
  }
  return reach.back();
}

bool is_chosen(const std::vector<std::string>& patterns, std::string_view name) {
  bool chosen = false;
  for (const std::string& pattern : patterns) {
    const bool exclude = pattern.starts_with('!');
    const std::string_view text = std::string_view(pattern).substr(exclude ? 1 : 0);
    chosen = matches_pattern(text, name) ? !exclude : chosen;
  }
  return chosen;
}

std::vector<bool> match_names(const std::vector<std::string>& patterns,
                              const std::vector<std::string>& names, std::string_view key) {
  std::vector<bool> chosen(names.size(), false);
  for (const std::string& pattern : patterns) {
    const bool exclude = !pattern.empty() && pattern.front() == '!';
    const std::string_view text = std::string_view(pattern).substr(exclude ? 1 : 0);
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (matches_pattern(text, names[i])) {
        any = true;
        chosen[i] = !exclude;
      }
    }
    if (!any) {
      const std::string hint = nearest(text, names);
      fail(ErrorCode::kInvalidArgument, key, ": the pattern \"", pattern, "\" matches no name",
           hint.empty() ? " (temper inspect lists the names)"
                        : concat("; did you mean \"", hint, "\"?"));
    }
  }
  return chosen;
}

}  // namespace temper::training
