#include "graph/onnx/surgery/axis_sizes.h"

#include <algorithm>
#include <numeric>

#include "graph/ir/infer_context.h"
#include "graph/ir/walk.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// Values that are kept of those with the same sizes.
constexpr std::size_t kMostAlike = 4;

}  // namespace

AxisSizes::AxisSizes(const OnnxModel& model, const std::map<std::string, Sizes>& symbols,
                     const Trial& trial)
    : symbols_(symbols), trial_(trial), plain_(model.build_graph(standard_ops())) {
  // What control flow comes to at the file's size stands in its place at the others too.
  Graph bound = plain_;
  const auto of = [&](std::size_t choice) {
    std::map<std::string, std::int64_t> numbers;
    for (const auto& [name, sizes] : symbols_) {
      numbers[name] = sizes[choice];
    }
    return numbers;
  };
  bind_shapes(bound, of(0), 1, trial_.reference, {}, &plain_);
  order_ = topological_order(plain_);
  for (std::size_t choice = 0; choice < kSizings; ++choice) {
    graphs_.push_back(plain_);
    bind_inputs(graphs_.back(), of(choice), 1);
    folders_.emplace_back(graphs_.back(), trial_.reference);
  }
  for (const ValueId input : plain_.inputs) {
    see(input);
  }
}

std::string AxisSizes::infer(NodeId id) {
  for (std::size_t choice = 0; choice < kSizings; ++choice) {
    try {
      infer_node(graphs_[choice], id);
      folders_[choice].fold_if_constant(graphs_[choice], id);
    } catch (const Error& error) {
      return error.what();
    }
  }
  for (const ValueId output : plain_.node(id).outputs) {
    if (output.valid() && graphs_[0].value(output).dtype != DType::kOpaque) {
      see(output);
    }
  }
  return {};
}

Sizes AxisSizes::sizes(ValueId id, int axis) const {
  Sizes all{};
  for (std::size_t i = 0; i < kSizings; ++i) {
    const Shape& shape = graphs_[i].value(id).shape;
    all[i] = axis < shape.rank() ? shape[axis] : -1;
  }
  return all;
}

bool AxisSizes::varies_at_all(ValueId id) const {
  for (int axis = 0; axis < rank(id); ++axis) {
    if (varies(sizes(id, axis))) {
      return true;
    }
  }
  return false;
}

const Tensor* AxisSizes::fixed_tensor(ValueId id) const {
  const Tensor* first = nullptr;
  for (const Graph& graph : graphs_) {
    const Value& value = graph.value(id);
    if (value.kind != ValueKind::kConstant ||
        (first != nullptr && !equal_bits(*first, value.constant))) {
      return nullptr;
    }
    first = first == nullptr ? &value.constant : first;
  }
  return first;
}

std::optional<std::vector<std::int64_t>> AxisSizes::fixed_numbers(ValueId id) const {
  const Tensor* tensor = fixed_tensor(id);
  if (tensor == nullptr) {
    return {};
  }
  return tensor->values<std::int64_t>();
}

void AxisSizes::set_numbers(NodeId id, std::size_t input,
                            const std::array<std::vector<std::int64_t>, kSizings>& numbers) {
  for (std::size_t i = 0; i < kSizings; ++i) {
    const Shape shape{static_cast<std::int64_t>(numbers[i].size())};
    graphs_[i].node(id).inputs[input] =
        graphs_[i].add_constant({}, Tensor::from<std::int64_t>(DType::kInt64, shape, numbers[i]));
  }
}

void AxisSizes::see(ValueId id) {
  const std::string& name = plain_.value(id).name;
  for (int axis = 0; !name.empty() && axis < rank(id); ++axis) {
    const Sizes now = sizes(id, axis);
    // A few ways to the same sizes: not each value is there yet where one is needed.
    const auto alike = std::count_if(seen_.begin(), seen_.end(),
                                     [&](const Seen& one) { return one.sizes == now; });
    if (varies(now) && static_cast<std::size_t>(alike) < kMostAlike) {
      seen_.push_back({now, {name, axis}});
    }
  }
}

std::optional<SizeFormula> AxisSizes::find_formula(const Sizes& wanted,
                                                   const std::vector<Seen>& usable) {
  for (const Seen& one : usable) {
    if (one.sizes == wanted) {
      return SizeFormula{{one.at}, 1, 1};
    }
  }
  const auto fits = [&](const Sizes& product) -> std::optional<SizeFormula> {
    const std::int64_t common = std::gcd(wanted[0], product[0]);
    if (common == 0) {
      return {};
    }
    SizeFormula made{{}, wanted[0] / common, product[0] / common};
    for (std::size_t i = 0; i < kSizings; ++i) {
      if (product[i] * made.times != wanted[i] * made.over) {
        return {};
      }
    }
    return made;
  };
  for (const Seen& one : usable) {
    if (auto made = fits(one.sizes)) {
      made->factors = {one.at};
      return made;
    }
  }
  for (const Seen& one : usable) {
    for (const Seen& other : usable) {
      Sizes product{};
      for (std::size_t i = 0; i < kSizings; ++i) {
        product[i] = one.sizes[i] * other.sizes[i];
      }
      if (auto made = fits(product)) {
        made->factors = {one.at, other.at};
        return made;
      }
    }
  }
  return {};
}

std::vector<Sizes> AxisSizes::varying_of(std::int64_t size) const {
  std::vector<Sizes> found;
  for (const Seen& one : seen_) {
    if (one.sizes[0] == size && std::find(found.begin(), found.end(), one.sizes) == found.end()) {
      found.push_back(one.sizes);
    }
  }
  return found;
}

bool AxisSizes::is_length(const Sizes& sizes) const {
  return std::any_of(symbols_.begin(), symbols_.end(), [&](const auto& symbol) {
    const Sizes& own = symbol.second;
    return varies(own) && sizes[1] - sizes[0] == own[1] - own[0] &&
           sizes[2] - sizes[0] == own[2] - own[0];
  });
}

}  // namespace temper::graph
