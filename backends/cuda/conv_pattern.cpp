#include "backends/cuda/conv_pattern.h"

#include <algorithm>
#include <span>

#include "backends/cuda/layouts.h"
#include "runtime/base/concat.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/window.h"

namespace temper::cuda {
namespace {

using Ints = std::vector<std::int64_t>;

// False for blocks, which cuDNN's convolutions in floats do not have.
bool read_tensor(const TensorSpec& spec, ConvTensor& tensor) {
  const int rank = spec.shape.rank();
  tensor.sizes.assign(spec.shape.begin(), spec.shape.end());
  const Shape steps = steps_of(spec.shape, spec.layout);
  tensor.strides.assign(steps.begin(), steps.end());
  if (spec.layout.inner_count > 0 || has_padding(spec.shape, spec.layout)) {
    return false;
  }
  if (rank == 3) {
    tensor.sizes.insert(tensor.sizes.begin() + 2, 1);
    tensor.strides.insert(tensor.strides.begin() + 2, tensor.strides[2] * tensor.sizes[3]);
  }
  return true;
}

// Of one channel or one position: the strides that such a tensor has among others with channels
// last, where it is called plain (layouts.h). cuDNN goes by them.
void put_channels_last(ConvTensor& tensor) {
  const Shape steps = channels_last_steps(Shape(std::span<const std::int64_t>(tensor.sizes)));
  tensor.strides.assign(steps.begin(), steps.end());
}

// The last numbers of three.
Ints last_of(const Spatial& values, std::size_t count) {
  return {values.end() - static_cast<std::ptrdiff_t>(count), values.end()};
}

void read_window_of(const Attrs& attrs, ConvPattern& pattern) {
  const Window window = read_window(attrs);
  const std::size_t rank = pattern.x.sizes.size() - 2;
  pattern.strides = last_of(window.stride, rank);
  pattern.dilations = last_of(window.dilation, rank);
  pattern.pads_begin = last_of(window.pad_begin, rank);
  pattern.pads_end = last_of(window.pad_end, rank);
}

struct Role {
  ConvTensor ConvPattern::* tensor;
  bool is_output;
  std::size_t index;
};

// Which tensors of the query are x, w and y.
std::vector<Role> roles_of(const OpQuery& query, ConvProduct product) {
  using P = ConvPattern;
  switch (product) {
    case ConvProduct::kForward:
      return {{&P::x, false, 0}, {&P::w, false, 1}, {&P::y, true, 0}};
    case ConvProduct::kGradData:
      return !query.attrs->has("input_shape")  // a transposed convolution
                 ? std::vector<Role>{{&P::y, false, 0}, {&P::w, false, 1}, {&P::x, true, 0}}
                 : std::vector<Role>{{&P::w, false, 0}, {&P::y, false, 1}, {&P::x, true, 0}};
    case ConvProduct::kGradWeights:
      return {{&P::x, false, 0}, {&P::y, false, 1}, {&P::w, true, 0}};
  }
  return {};
}

std::string sizes_text(const Ints& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) {
    text += concat(text.empty() ? "" : "x", size);
  }
  return text;
}

std::string tensor_text(const char* name, const ConvTensor& tensor) {
  const Shape plain = row_major_strides(Shape(std::span<const std::int64_t>(tensor.sizes)));
  std::string text = concat(" ", name, " ", sizes_text(tensor.sizes));
  if (!std::equal(plain.begin(), plain.end(), tensor.strides.begin())) {
    text += concat(" by ", sizes_text(tensor.strides));
  }
  return text;
}

}  // namespace

Support read_pattern(const OpQuery& query, ConvPattern& pattern) {
  const Attrs& attrs = *query.attrs;
  // The shape that the gradients and the transposed convolution cannot see in their inputs.
  pattern.product = attrs.has("weight_shape") ? ConvProduct::kGradWeights
                    : attrs.has("input_shape") || attrs.has("output_padding")
                        ? ConvProduct::kGradData
                        : ConvProduct::kForward;
  pattern.dtype = query.inputs[0].dtype;
  if (pattern.dtype != DType::kFloat32 && pattern.dtype != DType::kFloat16 &&
      pattern.dtype != DType::kBFloat16) {
    return Support::no(concat("only f32, f16 and bf16, not ", pattern.dtype));
  }
  const std::vector<Role> roles = roles_of(query, pattern.product);
  const auto spec_of = [&](const Role& role) -> const TensorSpec& {
    return (role.is_output ? query.outputs : query.inputs)[role.index];
  };
  const bool last = std::any_of(roles.begin(), roles.end(),
                                [&](const Role& role) { return !spec_of(role).layout.plain; });
  for (const Role& role : roles) {
    const TensorSpec& spec = spec_of(role);
    if (!spec.present() || spec.dtype != pattern.dtype) {
      return Support::no(concat("a convolution of ", pattern.dtype, " with ", spec.dtype));
    }
    if (spec.shape.element_count() == 0) {
      return Support::no("a tensor is empty");
    }
    ConvTensor& tensor = pattern.*role.tensor;
    tensor.is_output = role.is_output;
    tensor.index = role.index;
    if (!read_tensor(spec, tensor)) {
      return Support::no(concat("the layout ", to_string(spec.layout)));
    }
    if (last && spec.layout.plain && channels_last(spec.shape).plain) {
      put_channels_last(tensor);
    }
  }
  pattern.tf32 = query.tf32 && pattern.dtype == DType::kFloat32;
  read_window_of(attrs, pattern);
  const Rectifier rectifier = rectifier_of(attrs);
  pattern.relu = rectifier.on;
  pattern.bias = pattern.product != ConvProduct::kGradWeights && has_input(query, 2);
  if (rectifier.has_ceiling()) {
    return Support::no("a ReLU with a ceiling");
  }
  if (pattern.product != ConvProduct::kForward && (pattern.bias || pattern.relu)) {
    return Support::no("a bias or ReLU behind a gradient");
  }
  if (has_output(query, 1)) {
    return Support::no("the gradient of the bias");
  }
  return Support::yes();
}

std::string to_string(const ConvPattern& p) {
  constexpr const char* kNames[] = {"forward", "grad_data", "grad_weights"};
  return concat(kNames[static_cast<int>(p.product)], " ", p.dtype, tensor_text("x", p.x),
                tensor_text("w", p.w), tensor_text("y", p.y), " strides ", sizes_text(p.strides),
                " dilations ", sizes_text(p.dilations), " pads ", sizes_text(p.pads_begin), " to ",
                sizes_text(p.pads_end), p.bias ? " bias" : "", p.relu ? " relu" : "",
                p.tf32 ? " tf32" : "");
}

}  // namespace temper::cuda
