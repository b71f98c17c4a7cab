// How the sizes in a graph depend on those of some input axes, found out by inferring its shapes
// for three choices of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/import.h"
#include "graph/onnx/surgery/dynamic_batch.h"
#include "graph/passes/bind_shapes.h"

namespace temper::graph {

// The file's size comes first.
inline constexpr std::size_t kSizings = 3;

// One size for each choice.
using Sizes = std::array<std::int64_t, kSizings>;

inline bool varies(const Sizes& sizes) { return sizes[0] != sizes[1] || sizes[0] != sizes[2]; }

// The size of an axis of a value that the file names.
struct AxisOf {
  std::string value;
  int axis = 0;
};

// Product of these axes * times / over, which has no remainder.
struct SizeFormula {
  std::vector<AxisOf> factors;
  std::int64_t times = 1;
  std::int64_t over = 1;
};

class AxisSizes {
 public:
  // `symbols`: their sizes, of open dimensions of other names too. `model`: with symbols where they
  // are wanted.
  AxisSizes(const OnnxModel& model, const std::map<std::string, Sizes>& symbols,
            const Trial& trial);

  // Nodes in an order in which each can be visited.
  const std::vector<NodeId>& order() const { return order_; }
  // As the file has it, without shapes; nodes and values are those of all choices.
  const Graph& plain() const { return plain_; }
  Graph& graph(std::size_t choice) { return graphs_[choice]; }
  const Graph& graph(std::size_t choice) const { return graphs_[choice]; }

  // REQUIRES: its inputs are known. The text of what a shape rule says, empty: all is well.
  std::string infer(NodeId id);

  bool is_known(ValueId id) const { return graphs_[0].value(id).shape_known; }
  int rank(ValueId id) const { return graphs_[0].value(id).shape.rank(); }
  Sizes sizes(ValueId id, int axis) const;
  bool varies_at_all(ValueId id) const;
  // Numbers that are known and equal for all choices; nothing: they are computed.
  std::optional<std::vector<std::int64_t>> fixed_numbers(ValueId id) const;
  // The value at all choices, where it is known and equal.
  const Tensor* fixed_tensor(ValueId id) const;
  // Other numbers at an input of a node, for each choice.
  void set_numbers(NodeId id, std::size_t input,
                   const std::array<std::vector<std::int64_t>, kSizings>& numbers);

  // A way to compute these sizes from values that `available` has; nothing: there is none.
  template <class Available>
  std::optional<SizeFormula> formula(const Sizes& wanted, const Available& available) const {
    std::vector<Seen> usable;
    for (const Seen& one : seen_) {
      if (available(one.at.value)) {
        usable.push_back(one);
      }
    }
    return find_formula(wanted, usable);
  }
  // The sizes that vary and are `size` in the file, those of inputs first.
  std::vector<Sizes> varying_of(std::int64_t size) const;
  // Whether it grows by one with one of the symbols: a length, or a length and what is joined to
  // it, but no area.
  bool is_length(const Sizes& sizes) const;

 private:
  struct Seen {
    Sizes sizes;
    AxisOf at;
  };

  static std::optional<SizeFormula> find_formula(const Sizes& wanted,
                                                 const std::vector<Seen>& usable);
  void see(ValueId id);

  std::map<std::string, Sizes> symbols_;
  const Trial& trial_;
  Graph plain_;
  std::vector<Graph> graphs_;
  std::vector<ConstantFolder> folders_;
  std::vector<NodeId> order_;
  std::vector<Seen> seen_;
};

}  // namespace temper::graph
