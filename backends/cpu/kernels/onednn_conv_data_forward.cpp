// ConvGradData of dilated signals without strides, in f32, where the library would write dy out as
// a matrix: the forward convolution of dy, with zeros around it, by the weights with input and
// output channels exchanged and each kernel back to front. For that it has generated code, but not
// with padding as wide as far dilations ask for, so the zeros are written.
#include <algorithm>
#include <utility>

#include "backends/cpu/onednn_conv_geometry.h"
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;

struct ForwardDataPlan {
  ConvGeometry geometry;
  Dims turned;                         // the weights' dimensions, exchanged
  std::int64_t before = 0, after = 0;  // zeros beside a row of dy
  Forward::primitive_desc pd;
  int threads = 1;

  Dims padded() const {
    Dims dims = geometry.y;
    dims[2] += before + after;
    return dims;
  }
  Shape dy() const { return Shape(std::span<const std::int64_t>(geometry.y)); }
};

bool is_dilated_signal(const ConvGeometry& g) {
  return g.x.size() == 3 && g.dilations[0] > 0 && g.strides[0] == 1 && g.groups == 1;
}

// Whether the library's own kernel is one of written-out matrices.
bool is_written_out(const ConvGeometry& g) {
  const Desc x = any_descriptor(g.x), w = any_descriptor(g.w), y = any_descriptor(g.y);
  const auto hint = make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training,
                                             dnnl::algorithm::convolution_direct, x, w, Desc(), y,
                                             g.strides, g.dilations, g.pads_begin, g.pads_end);
  return hint && quality_of(make_gradient_descriptor<BackwardData>(
                     make_attributes(), hint, dnnl::algorithm::convolution_direct, x, w, y,
                     g.strides, g.dilations, g.pads_begin, g.pads_end)) < 2;
}

std::string plan_data(const OpQuery& query, ForwardDataPlan& plan) {
  DType type = DType::kUndefined;
  std::string reason = refuse_product(query, type);
  if (reason.empty() && type != DType::kFloat32) {
    reason = concat("only f32, not ", type);
  }
  if (reason.empty()) {
    reason = read_conv(*query.attrs, query.outputs[0].shape, query.inputs[0].shape,
                       query.inputs[1].shape, plan.geometry);
  }
  const ConvGeometry& g = plan.geometry;
  if (reason.empty() && !is_dilated_signal(g)) {
    reason = "only for dilated signals without strides or groups";
  }
  if (!reason.empty()) {
    return reason;
  }
  const std::int64_t reach = (g.w[2] - 1) * (g.dilations[0] + 1);
  plan.before = reach - g.pads_begin[0];
  plan.after = g.x[2] - g.y[2] + reach - plan.before;
  if (plan.before < 0 || plan.after < 0) {
    return "dy would have to be cut";
  }
  plan.threads = threads_for_flops(query.threads, g.flops());
  const ThreadCountScope scope(plan.threads);
  if (!is_written_out(g)) {
    return "the library has generated code for the gradient itself";
  }
  plan.turned = g.w;
  std::swap(plan.turned[0], plan.turned[1]);
  plan.pd = make_descriptor<Forward>(
      make_attributes(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
      any_descriptor(plan.padded()), any_descriptor(plan.turned), Desc(), any_descriptor(g.x),
      g.strides, g.dilations, Dims{0}, Dims{0});
  if (quality_of(plan.pd) < 2) {
    return "the library has no generated code for it";
  }
  const Layout layout = layout_of(plan.pd.src_desc());
  const Dims padded = plan.padded();
  const Shape shape(std::span<const std::int64_t>{padded});
  return layout.inner_count == 1 && layout == channel_blocks(shape, layout.inner_block[0])
             ? ""
             : "dy has another layout than channels in blocks";
}

class TurningKernel final : public OneDnnKernel {
 public:
  TurningKernel(const ForwardDataPlan& plan, std::int64_t block)
      : OneDnnKernel(plan.threads),
        in_(plan.turned[0]),
        out_(plan.turned[1]),
        kernel_(plan.turned[2]),
        rows_(plan.geometry.y[0] * ((out_ + block - 1) / block)),
        before_(plan.before * block),
        row_(plan.geometry.y[2] * block),
        after_(plan.after * block) {
    turned = reserve(static_cast<std::size_t>(in_ * out_ * kernel_) * sizeof(float));
    padded = reserve(static_cast<std::size_t>(rows_ * (before_ + row_ + after_)) * sizeof(float));
  }

  void run(const KernelArgs& args) const override {
    turn_weights(static_cast<const float*>(args.inputs[0]),
                 static_cast<float*>(turned.address(args)));
    pad_rows(static_cast<const float*>(args.inputs[1]), static_cast<float*>(padded.address(args)));
    OneDnnKernel::run(args);
  }

  Place turned, padded;

 private:
  // w [out][in][kernel] -> [in][out][kernel back to front]
  void turn_weights(const float* w, float* to) const {
    parallel_ranges(threads, in_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        for (std::int64_t o = 0; o < out_; ++o) {
          const float* from = w + (o * in_ + c) * kernel_;
          std::reverse_copy(from, from + kernel_, to + (c * out_ + o) * kernel_);
        }
      }
    });
  }
  void pad_rows(const float* dy, float* to) const {
    parallel_ranges(threads, rows_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        float* row = to + r * (before_ + row_ + after_);
        std::fill_n(row, before_, 0.0f);
        std::copy_n(dy + r * row_, row_, row + before_);
        std::fill_n(row + before_ + row_, after_, 0.0f);
      }
    });
  }

  std::int64_t in_, out_, kernel_;
  std::int64_t rows_, before_, row_, after_;  // rows of blocks of channels, their parts in floats
};

// inputs: w, dy
std::unique_ptr<Kernel> prepare_data(const OpQuery& query) {
  ForwardDataPlan plan;
  const std::string reason = plan_data(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  const ThreadCountScope scope(plan.threads);
  const std::int64_t block = layout_of(plan.pd.src_desc()).inner_block[0];
  auto kernel = std::make_unique<TurningKernel>(plan, block);
  kernel->description = concat(plan.pd.impl_info_str(), ", turned weights");
  const Desc weights = plan.pd.weights_desc();
  const Place place = kernel->reserve(weights.get_size());
  kernel->reorder(plain_descriptor(plan.turned), kernel->turned, weights, place);
  kernel->input_layouts = {Layout{}, channel_blocks(plan.dy(), block)};
  kernel->output_layouts = {layout_of(plan.pd.dst_desc())};
  OneDnnCall& call = kernel->call<Forward>(plan.pd);
  call.add(DNNL_ARG_SRC, plan.pd.src_desc(), kernel->padded);
  call.add(DNNL_ARG_WEIGHTS, weights, place);
  call.add(DNNL_ARG_DST, plan.pd.dst_desc(), Place::output(0));
  return kernel;
}

Support supports_data(const OpQuery& query) {
  const std::vector<std::int64_t> dilations = query.attrs->get_ints("dilations");
  if (query.outputs[0].shape.rank() != 3 || dilations.empty() || dilations[0] == 1) {
    return Support::not_concerned();
  }
  ForwardDataPlan plan;
  return support_from(plan_data(query, plan));
}

}  // namespace

void register_onednn_conv_data_forward(KernelTable& table) {
  table.add("ConvGradData", "onednn", supports_data, prepare_data);
}

}  // namespace temper::cpu
