#include "graph/onnx/deploy/size_vectors.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt64 = 7;  // TensorProto.DataType
constexpr std::int64_t kMostElements = 64;

using Element = std::optional<std::int64_t>;
using Found = std::optional<SizeVector>;

class SizeVectorFinder {
 public:
  SizeVectorFinder(ModelEdit& edit, const ValueFacts& facts) : edit_(edit), facts_(facts) {}

  std::map<std::string, SizeVector> run() {
    for (const auto& node : edit_.graph().node()) {
      if (!normal_domain(node.domain()).empty() || node.output_size() != 1 ||
          node.input_size() == 0) {
        continue;
      }
      Found made = of_node(node);
      if (made && static_cast<std::int64_t>(made->elements.size()) <= kMostElements) {
        found_[node.output(0)] = std::move(*made);
      }
    }
    return std::move(found_);
  }

 private:
  Found of_node(const wire::NodeProto& node) {
    const std::string& op = node.op_type();
    if (op == "Shape") {
      return shape(node);
    }
    if (op == "Gather") {
      return gather(node);
    }
    if (op == "Slice") {
      return slice(node);
    }
    if (op == "Concat") {
      return concat_of(node);
    }
    if (op == "Squeeze" || op == "Unsqueeze" || op == "Reshape") {
      return moved(node);
    }
    if (op == "Identity" || (op == "Cast" && int_attribute(node, "to", 0) == kInt64)) {
      return vector(node.input(0));
    }
    if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div") {
      return arithmetic(node);
    }
    return std::nullopt;
  }

  // Of a stored tensor, or a node that was here before.
  Found vector(const std::string& name) {
    const auto found = found_.find(name);
    if (found != found_.end()) {
      return found->second;
    }
    const wire::TensorProto* tensor = name.empty() ? nullptr : edit_.find_tensor(name);
    if (tensor == nullptr || tensor->data_type() != kInt64 || tensor->dims_size() > 1 ||
        edit_.header(name).elements > kMostElements) {
      return std::nullopt;
    }
    SizeVector made;
    made.is_scalar = tensor->dims_size() == 0;
    for (const std::int64_t element : edit_.integers(name)) {
      made.elements.emplace_back(element);
    }
    return made;
  }

  // The numbers of a vector that is known as a whole.
  std::optional<std::vector<std::int64_t>> numbers(const std::string& name) {
    const Found made = vector(name);
    if (!made || !made->is_known()) {
      return std::nullopt;
    }
    std::vector<std::int64_t> all;
    for (const Element& element : made->elements) {
      all.push_back(*element);
    }
    return all;
  }

  static std::int64_t within(std::int64_t index, std::int64_t size) {
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  }

  static SizeVector part(const SizeVector& whole, std::int64_t first, std::int64_t last) {
    const auto size = static_cast<std::int64_t>(whole.elements.size());
    SizeVector made;
    for (std::int64_t i = within(first, size); i < within(last, size); ++i) {
      made.elements.push_back(whole.elements[static_cast<std::size_t>(i)]);
    }
    return made;
  }

  Found shape(const wire::NodeProto& node) {
    const auto dims = facts_.dims(node.input(0));
    if (!dims) {
      return std::nullopt;
    }
    const SizeVector whole{*dims, false};
    return part(whole, int_attribute(node, "start", 0),
                int_attribute(node, "end", static_cast<std::int64_t>(dims->size())));
  }

  Found gather(const wire::NodeProto& node) {
    const Found whole = vector(node.input(0)), picks = vector(node.input(1));
    if (!whole || whole->is_scalar || !picks || !picks->is_known() ||
        int_attribute(node, "axis", 0) != 0) {
      return std::nullopt;
    }
    const auto size = static_cast<std::int64_t>(whole->elements.size());
    SizeVector made{{}, picks->is_scalar};
    for (const Element& pick : picks->elements) {
      const std::int64_t index = *pick < 0 ? *pick + size : *pick;
      if (index < 0 || index >= size) {
        return std::nullopt;
      }
      made.elements.push_back(whole->elements[static_cast<std::size_t>(index)]);
    }
    return made;
  }

  Found slice(const wire::NodeProto& node) {
    const Found whole = vector(node.input(0));
    if (!whole || whole->is_scalar) {
      return std::nullopt;
    }
    if (node.input_size() == 1) {  // before opset 10
      const wire::AttributeProto* starts = find_attribute(node, "starts");
      const wire::AttributeProto* ends = find_attribute(node, "ends");
      if (starts == nullptr || ends == nullptr || starts->ints_size() != 1 ||
          ends->ints_size() != 1) {
        return std::nullopt;
      }
      return part(*whole, starts->ints(0), ends->ints(0));
    }
    const auto starts = numbers(node.input(1));
    const auto ends = node.input_size() > 2 ? numbers(node.input(2)) : std::nullopt;
    const auto steps =
        node.input_size() > 4 ? numbers(node.input(4)) : std::vector{std::int64_t{1}};
    if (!starts || !ends || starts->size() != 1 || ends->size() != 1 || !steps ||
        steps->size() != 1 || steps->front() != 1) {
      return std::nullopt;
    }
    return part(*whole, starts->front(), ends->front());
  }

  Found concat_of(const wire::NodeProto& node) {
    SizeVector made;
    for (const std::string& input : node.input()) {
      const Found one = vector(input);
      if (!one || one->is_scalar) {
        return std::nullopt;
      }
      made.elements.insert(made.elements.end(), one->elements.begin(), one->elements.end());
    }
    return made;
  }

  // Between a scalar and a vector of one element, or as it was.
  Found moved(const wire::NodeProto& node) {
    Found made = vector(node.input(0));
    if (!made || made->elements.size() != 1) {
      return std::nullopt;
    }
    const std::string& op = node.op_type();
    if (op == "Reshape") {
      const auto target = node.input_size() > 1 ? numbers(node.input(1)) : std::nullopt;
      if (!target || target->size() > 1) {
        return std::nullopt;
      }
      made->is_scalar = target->empty();
      return made;
    }
    if (made->is_scalar == (op == "Squeeze")) {
      return std::nullopt;  // of another rank
    }
    const wire::AttributeProto* given = find_attribute(node, "axes");
    std::optional<std::vector<std::int64_t>> axes;
    if (given != nullptr) {
      axes.emplace(given->ints().begin(), given->ints().end());
    } else if (node.input_size() > 1) {
      axes = numbers(node.input(1));
    } else if (op == "Squeeze") {
      axes.emplace(1, 0);  // all of size 1
    }
    if (!axes || axes->size() != 1) {
      return std::nullopt;
    }
    made->is_scalar = op == "Squeeze";
    return made;
  }

  static Element result(const std::string& op, const Element& a, const Element& b) {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (!a || !b || *a < 0 || *b < 0 || *a > kMost || *b > kMost) {
      return std::nullopt;
    }
    if (op == "Div") {
      return *b == 0 ? std::nullopt : Element(*a / *b);
    }
    return op == "Add" ? *a + *b : op == "Sub" ? *a - *b : *a * *b;
  }

  Found arithmetic(const wire::NodeProto& node) {
    const Found a = vector(node.input(0));
    const Found b = node.input_size() > 1 ? vector(node.input(1)) : std::nullopt;
    if (!a || !b) {
      return std::nullopt;
    }
    const std::size_t m = a->elements.size(), n = b->elements.size();
    if (m != n && m != 1 && n != 1) {
      return std::nullopt;
    }
    SizeVector made{{}, a->is_scalar && b->is_scalar};
    for (std::size_t i = 0; i < (m == 1 ? n : m); ++i) {
      made.elements.push_back(
          result(node.op_type(), a->elements[m == 1 ? 0 : i], b->elements[n == 1 ? 0 : i]));
    }
    return made;
  }

  ModelEdit& edit_;
  const ValueFacts& facts_;
  std::map<std::string, SizeVector> found_;
};

}  // namespace

bool SizeVector::is_known() const {
  return std::all_of(elements.begin(), elements.end(), [](const Element& one) { return !!one; });
}

std::map<std::string, SizeVector> find_size_vectors(ModelEdit& edit, const ValueFacts& facts) {
  return SizeVectorFinder(edit, facts).run();
}

}  // namespace temper::graph
