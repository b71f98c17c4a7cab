// Conv, its gradients and ConvTranspose: cuDNN, with channels last where it has such a plan, and
// direct sums of plain tensors for what it has none for. Weights with channels last are
// [M, k.., C / group].
#include <optional>
#include <utility>

#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/cast.h"
#include "backends/cuda/kernels/conv_direct.h"
#include "backends/cuda/layouts.h"
#include "runtime/base/alignment.h"
#include "runtime/base/window.h"

namespace temper::cuda {
namespace {

// Elements between neighbours along an axis.
std::int64_t step_of(const TensorSpec& spec, int axis) {
  return steps_of(spec.shape, spec.layout)[axis];
}

BiasGradient bias_gradient_of(const OpQuery& query, const TensorSpec& dy) {
  BiasGradient sizes;
  sizes.dtype = dy.dtype;
  sizes.bias_dtype = query.outputs[1].dtype;
  sizes.batch = dy.shape[0];
  sizes.channels = dy.shape[1];
  sizes.plane = dy.shape.count(2, dy.shape.rank());
  sizes.batch_step = step_of(dy, 0);
  sizes.channel_step = step_of(dy, 1);
  sizes.plane_step = step_of(dy, dy.shape.rank() - 1);
  return sizes;
}

// What cuDNN is asked for: the query, or where it has no such plan the product alone, with the rest
// done by kernels of ours.
class CudnnRequest {
 public:
  explicit CudnnRequest(const OpQuery& query) : query_(query) {
    support_ = cudnn_supports(query);
    if (!support_.ok && separate()) {
      OpQuery asked = product();
      support_ = cudnn_supports(asked);
    }
  }

  const Support& support() const { return support_; }

  std::unique_ptr<CudnnPlan> plan() const { return plan_cudnn(is_separate_ ? product() : query_); }

  bool is_separate() const { return is_separate_; }
  // A 16-bit gradient of the weights that is wanted in f32.
  bool widens() const { return is_separate_ && has_output(query_, 0) && is_wide(0); }

 private:
  bool is_wide(std::size_t output) const {
    return query_.outputs[output].dtype != query_.inputs[0].dtype;
  }

  // Whether less can be asked for than the query.
  bool separate() {
    is_separate_ = has_input(query_, 2) || has_output(query_, 1) || is_wide(0) ||
                   rectifier_of(*query_.attrs).on;
    attrs_ = *query_.attrs;
    set_rectifier(attrs_, {});
    attrs_.erase("ceiling");
    return is_separate_;
  }

  OpQuery product() const {
    OpQuery asked = query_;
    asked.attrs = &attrs_;
    asked.inputs.resize(2);
    asked.outputs.resize(1);
    if (asked.outputs[0].present()) {
      asked.outputs[0].dtype = asked.inputs[0].dtype;
    }
    return asked;
  }

  const OpQuery& query_;
  Attrs attrs_;
  bool is_separate_ = false;
  Support support_;
};

class CudnnKernel final : public Kernel {
 public:
  explicit CudnnKernel(const OpQuery& query) {
    const CudnnRequest request(query);
    plan_ = request.plan();
    description = plan_->description;
    set_layouts(*this, query);
    if (request.widens()) {
      const TensorSpec& dw = query.outputs[0];
      widened_ = dw.shape.element_count();
      narrow_dtype_ = query.inputs[0].dtype;
      library_offset_ = aligned_bytes(static_cast<std::size_t>(widened_) * size_of(narrow_dtype_));
    }
    workspace_bytes = library_offset_ + plan_->workspace_bytes;
    if (request.is_separate()) {
      add_rest(query);
      description += ", the rest apart";
    }
  }

  void run(const KernelArgs& args) const override {
    const StreamHandle stream = handle_of(args.stream);
    void* library_workspace = static_cast<unsigned char*>(args.workspace) + library_offset_;
    void* result = widened_ > 0 ? args.workspace : args.outputs[0];
    void* const results[] = {result, nullptr};  // a gradient of the bias is never cuDNN's
    plan_->run(args.inputs, results, library_workspace, stream);
    if (widened_ > 0) {
      cast_elements(narrow_dtype_, result, DType::kFloat32, args.outputs[0], widened_, stream);
    }
    if (finish_) {
      finish_conv(*finish_, has_bias_ ? args.inputs[2] : nullptr, args.outputs[0], stream);
    }
    if (bias_gradient_) {
      conv_bias_gradient(*bias_gradient_, args.inputs[1], args.outputs[1], stream);
    }
  }

 private:
  void add_rest(const OpQuery& query) {
    if (has_output(query, 1)) {
      bias_gradient_ = bias_gradient_of(query, query.inputs[1]);
    }
    const Rectifier rectifier = rectifier_of(*query.attrs);
    has_bias_ = has_input(query, 2);
    if (has_bias_ || rectifier.on) {
      const TensorSpec& y = query.outputs[0];
      finish_ = ConvFinish{y.dtype, y.shape.element_count(), y.shape[1], step_of(y, 1), rectifier};
    }
  }

  std::unique_ptr<CudnnPlan> plan_;
  std::size_t library_offset_ = 0;
  std::int64_t widened_ = 0;  // elements of a gradient that comes in 16 bits
  DType narrow_dtype_ = DType::kUndefined;
  bool has_bias_ = false;
  std::optional<ConvFinish> finish_;
  std::optional<BiasGradient> bias_gradient_;
};

// The query as the library is asked, whatever layouts its tensors come in.
OpQuery in_layouts(OpQuery query, bool last) {
  for (auto* specs : {&query.inputs, &query.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec.layout = last && spec.present() ? channels_last(spec.shape) : Layout{};
      spec.layout_free = false;
    }
  }
  return query;
}

Support supports_cudnn(const OpQuery& query) {
  const OpQuery last = in_layouts(query, true), plain = in_layouts(query, false);
  const Support support = CudnnRequest(last).support();
  return support.ok ? support : CudnnRequest(plain).support();
}

std::unique_ptr<Kernel> prepare_cudnn(const OpQuery& query) {
  const OpQuery last = in_layouts(query, true), plain = in_layouts(query, false);
  return std::make_unique<CudnnKernel>(CudnnRequest(last).support().ok ? last : plain);
}

ConvShape shape_of(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y) {
  const Window window = read_window(attrs);
  const Spatial in = spatial_dims(x), out = spatial_dims(y);
  ConvShape p{};
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    p.kernel[i] = window.kernel[i];
    p.stride[i] = window.stride[i];
    p.dilation[i] = window.dilation[i];
    p.pad_begin[i] = window.pad_begin[i];
    p.in[i] = in[i];
    p.out[i] = out[i];
  }
  p.batch = x[0];
  p.group = attrs.get_int("group", 1);
  p.group_in = w[1];
  p.group_out = w[0] / p.group;
  return p;
}

std::unique_ptr<Kernel> direct_kernel(std::unique_ptr<Kernel> kernel) {
  kernel->description = "direct sums";
  if (const std::string missing = cudnn_missing(); !missing.empty()) {
    kernel->slow_because = concat("convolutions are direct sums, right but slow: ", missing);
  }
  return kernel;
}

std::unique_ptr<Kernel> prepare_direct(const OpQuery& query) {
  const ConvShape p =
      shape_of(*query.attrs, query.inputs[0].shape, query.inputs[1].shape, query.outputs[0].shape);
  return direct_kernel(make_kernel([p, rectifier = rectifier_of(*query.attrs),
                                    bias = has_input(query, 2)](const KernelArgs& args) {
    conv_direct(p, rectifier, input<float>(args, 0), input<float>(args, 1),
                bias ? input<float>(args, 2) : nullptr, output<float>(args, 0),
                handle_of(args.stream));
  }));
}

std::unique_ptr<Kernel> prepare_grad_data(const OpQuery& query) {
  const ConvShape p =
      shape_of(*query.attrs, query.outputs[0].shape, query.inputs[0].shape, query.inputs[1].shape);
  return direct_kernel(make_kernel([p](const KernelArgs& args) {
    conv_grad_data_direct(p, input<float>(args, 0), input<float>(args, 1), nullptr,
                          output<float>(args, 0), handle_of(args.stream));
  }));
}

// y = ConvGradData(w, x) + bias
std::unique_ptr<Kernel> prepare_transpose(const OpQuery& query) {
  const ConvShape p =
      shape_of(*query.attrs, query.outputs[0].shape, query.inputs[1].shape, query.inputs[0].shape);
  return direct_kernel(make_kernel([p, bias = has_input(query, 2)](const KernelArgs& args) {
    conv_grad_data_direct(p, input<float>(args, 1), input<float>(args, 0),
                          bias ? input<float>(args, 2) : nullptr, output<float>(args, 0),
                          handle_of(args.stream));
  }));
}

std::unique_ptr<Kernel> prepare_grad_weights(const OpQuery& query) {
  const ConvShape p = shape_of(*query.attrs, query.inputs[0].shape,
                               Shape(query.attrs->get_ints("weight_shape")), query.inputs[1].shape);
  const bool weights = has_output(query, 0);
  std::optional<BiasGradient> bias;
  if (has_output(query, 1)) {
    TensorSpec dy = query.inputs[1];
    dy.layout = {};
    bias = bias_gradient_of(query, dy);
  }
  return direct_kernel(make_kernel([p, weights, bias](const KernelArgs& args) {
    if (weights) {
      conv_grad_weights_direct(p, input<float>(args, 0), input<float>(args, 1),
                               output<float>(args, 0), handle_of(args.stream));
    }
    if (bias) {
      conv_bias_gradient(*bias, args.inputs[1], args.outputs[1], handle_of(args.stream));
    }
  }));
}

void add(KernelTable& table, const char* op, std::unique_ptr<Kernel> (*direct)(const OpQuery&)) {
  add_row(table, op, supports_cudnn, prepare_cudnn);
  // A family of its own, so that both rows come in 16 bits by conversion.
  table.add(op, "cuda direct", only_f32, direct);
}

}  // namespace

void register_conv(KernelTable& table) {
  add(table, "Conv", prepare_direct);
  add(table, "ConvGradData", prepare_grad_data);
  add(table, "ConvTranspose", prepare_transpose);
  add(table, "ConvGradWeights", prepare_grad_weights);
}

}  // namespace temper::cuda
