// Tensors of a checkpoint that are to go into a model, and how they are found by the model's names.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/memory/unread_tensor.h"

namespace temper::graph {

struct WeightSource {
  std::vector<UnreadTensor> tensors;       // in the order of the checkpoint
  std::map<std::string, double> epsilons;  // of normalisations, by module path, where it says so
};

inline constexpr int kNoSource = -1;

// The tensors of one root of a checkpoint, by the model's names: what stands in front of them
// ("state_dict.", "module.") and parts of wrappers ("_orig_mod.") are left out.
class SourceNames {
 public:
  // `wanted`: names of the model. `prefix`: what stands in front, or the one under which most names
  // are found. THROWS: kInvalidArgument for a prefix that nothing has.
  SourceNames(const WeightSource& source, const std::vector<std::string>& wanted,
              const std::optional<std::string>& prefix);

  // An index, or kNoSource.
  int find(const std::string& name) const;
  // By the name that torch.export gives a parameter: "p_layer1_0_conv1_weight".
  int find_placeholder(std::string_view name) const;
  // Whole names of the checkpoint.
  int find_whole(const std::string& name) const;

  const UnreadTensor& at(int index) const {
    return source_.tensors[static_cast<std::size_t>(index)];
  }
  // Without what stands in front.
  const std::string& short_name(int index) const {
    return short_names_[static_cast<std::size_t>(index)];
  }
  bool is_in_root(int index) const { return !short_name(index).empty(); }
  int size() const { return static_cast<int>(source_.tensors.size()); }
  const std::string& prefix() const { return prefix_; }
  // Other roots under which as many names are found.
  const std::vector<std::string>& alternatives() const { return alternatives_; }
  std::optional<double> epsilon(const std::string& module) const;

 private:
  void choose_prefix(const std::vector<std::string>& wanted);

  const WeightSource& source_;
  std::string prefix_;
  std::string model_prefix_;  // what the model's names have in front and the checkpoint's have not
  std::vector<std::string> alternatives_;
  std::vector<std::string> short_names_;
  std::unordered_map<std::string, int> by_name_;
  std::unordered_map<std::string, int> by_placeholder_;  // kNoSource: of several
  std::unordered_map<std::string, int> by_whole_name_;
};

}  // namespace temper::graph
