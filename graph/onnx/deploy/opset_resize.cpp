// Rules to older opsets for what samples and pads: Resize, Upsample, GridSample, Pad.
#include <algorithm>
#include <cmath>
#include <optional>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

std::string text_attribute(OpsetNode& n, const char* name, const char* otherwise) {
  const wire::AttributeProto* found = find_attribute(n.node(), name);
  return found == nullptr ? otherwise : found->s();
}

// How many times as large each dimension becomes; nothing: computed, or not whole.
std::optional<std::vector<double>> resize_scales(OpsetNode& n) {
  if (!n.input(2).empty()) {
    return n.numbers(n.input(2));
  }
  const auto sizes = n.whole_numbers(n.input(3));
  const auto dims = n.facts().dims(n.input(0));
  if (!sizes || !dims || sizes->size() != dims->size()) {
    return std::nullopt;
  }
  std::vector<double> scales;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    if (!(*dims)[i] || *(*dims)[i] == 0 || (*sizes)[i] % *(*dims)[i] != 0) {
      return std::nullopt;
    }
    scales.push_back(static_cast<double>((*sizes)[i] / *(*dims)[i]));
  }
  return scales;
}

}  // namespace

// Opset 10 knows scales, asymmetric coordinates and floor. Times a whole number, the nearest to the
// middle of an element is the same.
void resize_to_scales(OpsetNode& n) {
  const std::string mode = text_attribute(n, "mode", "nearest");
  const std::string coordinates = text_attribute(n, "coordinate_transformation_mode", "half_pixel");
  const std::string nearest = text_attribute(n, "nearest_mode", "round_prefer_floor");
  const auto scales = resize_scales(n);
  const bool whole = scales && std::all_of(scales->begin(), scales->end(), [](double scale) {
                       return scale >= 1 && scale == std::floor(scale);
                     });
  const bool same =
      coordinates.find("half_pixel") != std::string::npos && nearest.starts_with("round") && whole;
  const bool old = coordinates == "asymmetric" && (mode != "nearest" || nearest == "floor");
  const bool fits = mode == "nearest" ? same || old : mode == "linear" && old;
  if (!fits || (n.input(2).empty() && !scales)) {
    n.refuse(
        concat("before opset 11 it takes scales, asymmetric coordinates and floor, and this "
               "is ",
               mode, ", ", coordinates, ", ", nearest, n.input(2).empty() ? ", to sizes" : "",
               "; temper convert writes nearest by whole factors so"));
    return;
  }
  for (const char* name : {"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a",
                           "exclude_outside", "extrapolation_value"}) {
    remove_attribute(n.node(), name);
  }
  std::string factors = n.input(2);
  if (factors.empty()) {
    factors = n.edit().unique(n.node().output(0) + "_scales");
    n.edit().add_tensor(
        factors,
        Tensor::from<double>(DType::kFloat32, Shape{static_cast<std::int64_t>(scales->size())},
                             *scales),
        1);
  }
  n.set_input(1, factors);
  n.set_input(2, "");
  if (n.node().input_size() > 3) {
    n.set_input(3, "");
  }
  n.trim_inputs();
}

void resize_to_upsample(OpsetNode& n) { n.node().set_op_type("Upsample"); }

void scales_to_attribute(OpsetNode& n) {
  const auto scales = n.numbers(n.input(1));
  if (!scales) {
    n.refuse("its scales are computed, and an attribute before opset 9");
    return;
  }
  wire::AttributeProto& made = *n.node().add_attribute();
  made.set_name("scales");
  made.set_type(6);
  for (const double scale : *scales) {
    made.add_floats(static_cast<float>(scale));
  }
  const std::string name = n.input(1);
  n.node().mutable_input()->RemoveLast();
  n.edit().remove_unread({name});
}

void grid_mode(OpsetNode& n) {
  const std::string mode = text_attribute(n, "mode", "linear");
  for (auto& attribute : *n.node().mutable_attribute()) {
    if (attribute.name() == "mode") {
      attribute.set_s(mode == "linear" ? "bilinear" : mode == "cubic" ? "bicubic" : mode);
    }
  }
}

// Pads of some axes are pads of all.
void pad_all_axes(OpsetNode& n) {
  if (n.input(3).empty()) {
    n.trim_inputs();
    return;
  }
  const auto rank = n.rank(n.input(0));
  const auto axes = n.whole_numbers(n.input(3)), pads = n.whole_numbers(n.input(1));
  if (!rank || !axes || !pads) {
    n.refuse("before opset 18 it pads all axes, and which these are is computed");
    return;
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(2 * *rank), 0);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + *rank : (*axes)[i];
    all[static_cast<std::size_t>(axis)] = (*pads)[i];
    all[static_cast<std::size_t>(axis + *rank)] = (*pads)[i + axes->size()];
  }
  n.set_input(1, n.integers(all));
  n.set_input(3, "");
  n.trim_inputs();
}

void no_wrapping(OpsetNode& n) {
  const wire::AttributeProto* mode = find_attribute(n.node(), "mode");
  if (mode != nullptr && mode->s() == "wrap") {
    n.refuse("mode 'wrap' came with opset 19");
  }
}

}  // namespace temper::graph
