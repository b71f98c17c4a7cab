#include "training/analysis/weight_diff.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "runtime/base/error.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

using graph::StoredWeight;

WeightPair compare(const StoredWeight& a, const StoredWeight& b) {
  WeightPair pair{
      a.tensor.name, b.tensor.name, a.tensor.shape, b.tensor.shape, a.type, b.type, {}, ""};
  if (a.tensor.shape != b.tensor.shape) {
    return pair;
  }
  try {
    const Tensor one = a.tensor.read(), other = b.tensor.read();
    pair.difference = tensor_difference(one, other, a.type == b.type ? a.type : "");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    pair.trouble = error.message();
  }
  return pair;
}

// Equal for tensors of equal type, shape and bytes; empty for those that cannot be read.
std::string content_of(const StoredWeight& weight) {
  try {
    const Tensor value = weight.tensor.read();
    const Tensor plain = value.layout().plain ? value : value.to_plain();
    return concat(weight.type, plain.shape(), " ",
                  sha256_hex({static_cast<const std::byte*>(plain.data()),
                              static_cast<std::size_t>(plain.bytes())}));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    return {};
  }
}

LoneWeight lone(const StoredWeight& weight) {
  return {weight.tensor.name, weight.type, weight.tensor.shape};
}

std::string form_of(const StoredWeight& weight) { return concat(weight.type, weight.tensor.shape); }

// Those of `left_b` that hold what one of `left_a` holds. Only what has a partner of its type and
// shape is read.
void match_by_content(const std::vector<const StoredWeight*>& left_a,
                      const std::vector<const StoredWeight*>& left_b, WeightDiff& diff) {
  std::map<std::string, int> forms;
  for (const StoredWeight* weight : left_a) {
    ++forms[form_of(*weight)];
  }
  std::unordered_map<std::string, std::vector<const StoredWeight*>> by_content;
  std::map<std::string, int> wanted;
  for (const StoredWeight* weight : left_b) {
    ++wanted[form_of(*weight)];
    const std::string content = forms.contains(form_of(*weight)) ? content_of(*weight) : "";
    if (!content.empty()) {
      by_content[content].push_back(weight);
    }
  }
  std::vector<const StoredWeight*> taken;
  for (const StoredWeight* weight : left_a) {
    const std::string content = wanted.contains(form_of(*weight)) ? content_of(*weight) : "";
    const auto found = by_content.find(content);
    if (content.empty() || found == by_content.end() || found->second.empty()) {
      diff.only_a.push_back(lone(*weight));
      continue;
    }
    const StoredWeight* other = found->second.front();
    found->second.erase(found->second.begin());
    taken.push_back(other);
    diff.pairs.push_back(compare(*weight, *other));
  }
  for (const StoredWeight* weight : left_b) {
    if (std::find(taken.begin(), taken.end(), weight) == taken.end()) {
      diff.only_b.push_back(lone(*weight));
    }
  }
}

}  // namespace

bool WeightDiff::within(double tolerance) const {
  return only_a.empty() && only_b.empty() &&
         std::all_of(pairs.begin(), pairs.end(),
                     [&](const WeightPair& pair) { return pair.within(tolerance); });
}

WeightDiff diff_weights(const std::vector<StoredWeight>& a, const std::vector<StoredWeight>& b) {
  WeightDiff diff;
  std::unordered_map<std::string, const StoredWeight*> by_name;
  for (const StoredWeight& weight : b) {
    by_name.emplace(weight.tensor.name, &weight);
  }
  std::vector<const StoredWeight*> left_a, left_b;
  for (const StoredWeight& weight : a) {
    const auto found = by_name.find(weight.tensor.name);
    if (found == by_name.end()) {
      left_a.push_back(&weight);
      continue;
    }
    diff.pairs.push_back(compare(weight, *found->second));
    by_name.erase(found);
  }
  for (const StoredWeight& weight : b) {
    const auto found = by_name.find(weight.tensor.name);
    if (found != by_name.end() && found->second == &weight) {
      left_b.push_back(&weight);
    }
  }
  match_by_content(left_a, left_b, diff);
  return diff;
}

std::vector<StoredWeight> as_weights(std::vector<UnreadTensor> tensors) {
  std::vector<StoredWeight> weights;
  for (UnreadTensor& tensor : tensors) {
    std::string type{to_string(tensor.dtype)};
    weights.push_back({std::move(tensor), std::move(type)});
  }
  return weights;
}

}  // namespace temper::training
