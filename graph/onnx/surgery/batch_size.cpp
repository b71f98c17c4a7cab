#include "graph/onnx/surgery/batch_size.h"

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {

std::string BatchSize::with_batch(const wire::NodeProto& place,
                                  const std::vector<std::int64_t>& numbers, std::size_t at,
                                  std::int64_t factor) {
  const std::string of = place.output(0);
  std::vector<std::string> parts;
  const auto add = [&](const std::vector<std::int64_t>& part) {
    if (!part.empty()) {
      parts.push_back(edit_.unique(of + "_shape"));
      edit_.add_integers(parts.back(), part);
    }
  };
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(at);
  add({numbers.begin(), middle});
  parts.push_back(size());
  if (factor != 1) {
    const std::string times = edit_.unique(of + "_times");
    edit_.add_integers(times, {factor});
    const std::string product = edit_.unique(of + "_rows");
    edit_.insert_before(place, "Mul", {parts.back(), times}, product);
    parts.back() = product;
  }
  add({middle + 1, numbers.end()});
  if (parts.size() == 1) {
    return parts.front();
  }
  const std::string joined = edit_.unique(of + "_shape");
  set_int(edit_.insert_before(place, "Concat", parts, joined), "axis", 0);
  return joined;
}

// A vector of one number, made once in front of all nodes.
const std::string& BatchSize::size() {
  if (size_.empty()) {
    const std::string shape = edit_.unique(input_ + "_shape");
    const std::string first = edit_.unique("batch_axis");
    edit_.add_integers(first, {0});
    size_ = edit_.unique("batch_size");
    const wire::NodeProto& place = edit_.graph().node(0);
    edit_.insert_before(place, "Shape", {input_}, shape);
    set_int(edit_.insert_before(place, "Gather", {shape, first}, size_), "axis", 0);
  }
  return size_;
}

}  // namespace temper::graph
