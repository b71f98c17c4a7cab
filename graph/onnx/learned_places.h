// Addends and factors that are learned: the same Add or Mul that carries a bias or the scale of a
// norm also carries an activation's constants, a mask, or the normalisation of the input. Told
// apart by what stands around them, never by a name.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/onnx/fixed_values.h"
#include "graph/onnx/flatten.h"

namespace temper::graph {

// What one stored input of a node is.
struct LearnedPlace {
  enum class Kind {
    kScale,
    kBias,
    kScores,
    kJoined,
    kToken,  // joined to the features as one more of them
    kTemperature,
    kOther
  } kind = Kind::kOther;
  std::string what;  // names the node: "scale of the normalisation at Mul 'ln/Mul'"
};

class LearnedPlaces {
 public:
  // Both outlive this object. COST: linear in the graph.
  LearnedPlaces(const FlatGraph& graph, const FixedValues& fixed);

  // Of the stored input `slot` of node `index`, an op of ONNX that is in no table of places.h.
  LearnedPlace at(std::size_t index, std::size_t slot) const;
  // Whether the stored value has one element.
  bool is_one(const std::string& name) const;

 private:
  // How the other side of an Add or Mul came about.
  struct Trait {
    bool before = false;     // a weight stands before this value
    bool after = false;      // a weight stands after it
    bool reduced = false;    // made from sums or means alone
    bool deviation = false;  // the root of such, or its inverse
    bool normal = false;     // divided by such

    bool is_spread() const { return reduced || deviation; }
  };

  void count_elements();
  std::vector<std::int64_t> dims_computed(const FlatNode& node) const;
  void follow_forward();
  void follow_backward();
  Trait norm_trait(const FlatNode& node) const;
  Trait combined(const FlatNode& node) const;

  LearnedPlace addend(const FlatNode& node, std::size_t slot) const;
  LearnedPlace factor(const FlatNode& node, std::size_t slot) const;

  LearnedPlace joined(const FlatNode& node, std::size_t slot) const;
  bool is_beside_all(const FlatNode& node, std::size_t slot) const;

  bool is_stored(const std::string& name) const { return fixed_.stored.contains(name); }
  bool is_per_head(const std::string& name) const;
  const Trait& trait(const std::string& name) const;
  const std::string& other_input(const FlatNode& node, std::size_t slot) const;
  const FlatNode* made_by(const std::string& name) const;
  const FlatNode* only_reader(const std::string& name) const;
  bool is_scaled(const FlatNode* node) const;
  bool is_linear(const std::string& name, bool without_bias) const;
  bool is_layer_output(const std::string& name) const;
  bool is_affine_pair(const FlatNode& mul, const FlatNode& add) const;
  bool is_folded_norm(const FlatNode& mul, const FlatNode& add) const;

  const FlatGraph& graph_;
  const FixedValues& fixed_;
  std::unordered_map<std::string, std::vector<std::int64_t>> dims_;
  std::unordered_map<std::string, std::size_t> producers_;
  std::unordered_map<std::string, std::vector<std::size_t>> readers_;
  std::unordered_map<std::string, Trait> traits_;
};

}  // namespace temper::graph
