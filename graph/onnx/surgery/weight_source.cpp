#include "graph/onnx/surgery/weight_source.h"

#include <algorithm>
#include <array>
#include <set>

#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"

namespace temper::graph {
namespace {

// Wrappers that put a name of theirs in the middle of a path.
constexpr std::array<std::string_view, 2> kWrappers = {"_orig_mod.", "_fsdp_wrapped_module."};
constexpr int kDeepestPrefix = 4;

std::string without_wrappers(std::string name) {
  for (const std::string_view wrapper : kWrappers) {
    for (std::size_t at = name.find(wrapper); at != std::string::npos; at = name.find(wrapper)) {
      if (at > 0 && name[at - 1] != '.') {
        break;
      }
      name.erase(at, wrapper.size());
    }
  }
  return name;
}

// As torch.export makes names of placeholders, without "p_" or "b_".
std::string mangled(std::string_view name) {
  std::string made;
  for (const char c : name) {
    made += is_ascii_alphanumeric(c) ? ascii_lower(c) : '_';
  }
  return made;
}

// "a.", "a.b." of "a.b.weight".
std::vector<std::string> prefixes_of(const std::string& name) {
  std::vector<std::string> prefixes;
  std::size_t at = name.find('.');
  for (int i = 0; i < kDeepestPrefix && at != std::string::npos; ++i, at = name.find('.', at + 1)) {
    prefixes.push_back(name.substr(0, at + 1));
  }
  return prefixes;
}

// Of equal roots the one that is trained comes before averages of it.
bool is_average(const std::string& prefix) {
  const std::string text = mangled(prefix);
  return text.find("ema") != std::string::npos || text.find("average") != std::string::npos ||
         text.find("swa_") != std::string::npos || text.find("shadow") != std::string::npos;
}

}  // namespace

SourceNames::SourceNames(const WeightSource& source, const std::vector<std::string>& wanted,
                         const std::optional<std::string>& prefix)
    : source_(source) {
  if (prefix) {
    prefix_ = *prefix;
    if (!prefix_.empty() && !prefix_.ends_with('.')) {
      prefix_ += '.';
    }
  } else {
    choose_prefix(wanted);
  }
  bool any = false;
  for (int i = 0; i < size(); ++i) {
    const std::string& whole = at(i).name;
    by_whole_name_.emplace(whole, i);
    const std::string name = without_wrappers(whole);
    const bool inside = name.starts_with(prefix_) || whole.starts_with(prefix_);
    std::string rest;
    if (inside) {
      rest = name.starts_with(prefix_) ? name.substr(prefix_.size())
                                       : without_wrappers(whole.substr(prefix_.size()));
      any = true;
    }
    short_names_.push_back(rest);
    if (!rest.empty()) {
      const std::string placeholder = mangled(model_prefix_ + rest);
      by_name_.emplace(model_prefix_ + rest, i);
      const auto [entry, is_new] = by_placeholder_.emplace(placeholder, i);
      entry->second = is_new ? i : kNoSource;
    }
  }
  TEMPER_CHECK(any || size() == 0, ErrorCode::kInvalidArgument, "--prefix '", prefix_,
               "': no tensor of the checkpoint begins so; the first is '",
               size() == 0 ? "" : at(0).name, "'");
}

void SourceNames::choose_prefix(const std::vector<std::string>& wanted) {
  const std::set<std::string> names(wanted.begin(), wanted.end());
  std::set<std::string> model_prefixes{""};
  for (const std::string& name : names) {
    const std::size_t dot = name.find('.');
    if (dot != std::string::npos) {
      model_prefixes.insert(name.substr(0, dot + 1));
    }
  }
  // How many of the model's names there are under a prefix of the checkpoint and one of the model.
  std::map<std::pair<std::string, std::string>, int> counts;
  for (const UnreadTensor& tensor : source_.tensors) {
    const std::string name = without_wrappers(tensor.name);
    std::vector<std::string> prefixes = prefixes_of(name);
    prefixes.emplace_back();
    for (const std::string& prefix : prefixes) {
      const std::string rest = name.substr(prefix.size());
      for (const std::string& in_front : model_prefixes) {
        if (names.contains(in_front + rest)) {
          ++counts[{prefix, in_front}];
        }
      }
    }
  }
  int best = 0;
  const auto is_better = [&](const std::pair<std::string, std::string>& key) {
    const bool average = is_average(key.first), was = is_average(prefix_);
    const std::size_t length = key.first.size() + key.second.size();
    const std::size_t before = prefix_.size() + model_prefix_.size();
    return average != was ? was : length < before;
  };
  for (const auto& [key, count] : counts) {
    if (count > best || (count == best && is_better(key))) {
      best = count;
      prefix_ = key.first;
      model_prefix_ = key.second;
    }
  }
  for (const auto& [key, count] : counts) {
    if (count == best && key.second == model_prefix_ && key.first != prefix_) {
      alternatives_.push_back(key.first);
    }
  }
}

int SourceNames::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? kNoSource : found->second;
}

int SourceNames::find_placeholder(std::string_view name) const {
  if (name.size() < 3 || name[1] != '_') {
    return kNoSource;
  }
  const auto found = by_placeholder_.find(mangled(name.substr(2)));
  return found == by_placeholder_.end() ? kNoSource : found->second;
}

int SourceNames::find_whole(const std::string& name) const {
  const auto found = by_whole_name_.find(name);
  return found == by_whole_name_.end() ? find(name) : found->second;
}

std::optional<double> SourceNames::epsilon(const std::string& module) const {
  for (const std::string& name : {prefix_ + module, module}) {
    const auto found = source_.epsilons.find(name);
    if (found != source_.epsilons.end()) {
      return found->second;
    }
  }
  return {};
}

}  // namespace temper::graph
