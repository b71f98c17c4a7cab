#include "backends/cpu/onednn_settled_conv.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "backends/cpu/onednn_conv_geometry.h"
#include "backends/cpu/onednn_kernel.h"
#include "runtime/backend/prepared_input.h"
#include "runtime/base/alignment.h"

namespace temper::cpu {
namespace {

using Conv = dnnl::convolution_forward;
using Inner = dnnl::inner_product_forward;

constexpr std::int64_t kTile = 4;         // outputs of a tile of Winograd's, along each axis
constexpr std::int64_t kLeastTiles = 32;  // fewer do not pay for reading the larger weight
constexpr std::int64_t kLeastRows = 8;    // of the product from all inputs to all outputs
constexpr double kLeastFlops = 5e7;       // half a millisecond: less is not worth the memory
constexpr std::int64_t kChannelBlock = 16;
constexpr std::int64_t kMostGrowth = 4;  // of the weight's bytes

// Prepares the weight, then runs the product; after take_preparation() the latter alone.
class SettledConvKernel final : public Kernel, public PreparesInput {
 public:
  // `preparation` gives `bytes` from the weight; `product` reads them as its input 1.
  SettledConvKernel(std::unique_ptr<OneDnnKernel> preparation, std::size_t bytes,
                    std::unique_ptr<OneDnnKernel> product)
      : preparation_(std::move(preparation)), product_(std::move(product)), bytes_(bytes) {
    weight_at_ = aligned_bytes(product_->workspace_bytes);
    inner_workspace_at_ = weight_at_ + aligned_bytes(bytes);
    workspace_bytes = inner_workspace_at_ + preparation_->workspace_bytes;
    input_layouts = product_->input_layouts;
    output_layouts = product_->output_layouts;
    description = product_->description;
  }

  Preparation take_preparation() override {
    workspace_bytes = product_->workspace_bytes;
    return {1, bytes_, std::move(preparation_)};
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<States>();
    state->preparation = preparation_ == nullptr ? nullptr : preparation_->bind(args);
    state->product = product_->bind(args);
    return state;
  }

  void run(const KernelArgs& args) const override {
    States& states = args.state_as<States>();
    KernelArgs inner = args;
    std::array<void*, 3> inputs{};
    std::copy_n(args.inputs, input_layouts.size(), inputs.begin());
    if (preparation_ != nullptr) {
      auto* workspace = static_cast<std::byte*>(args.workspace);
      std::array<void*, 1> weight{workspace + weight_at_};
      inner.inputs = &inputs[1];
      inner.outputs = weight.data();
      inner.workspace = workspace + inner_workspace_at_;
      inner.state = states.preparation.get();
      preparation_->run(inner);
      inner = args;
      inputs[1] = weight[0];
    }
    inner.inputs = inputs.data();
    inner.state = states.product.get();
    product_->run(inner);
  }

 private:
  struct States final : KernelState {
    std::unique_ptr<KernelState> preparation, product;
  };
  std::unique_ptr<OneDnnKernel> preparation_, product_;
  std::size_t bytes_ = 0, weight_at_ = 0, inner_workspace_at_ = 0;
};

// --- what both forms ask of a node
// ----------------------------------------------------------------

struct SettledPlan {
  ConvGeometry geometry;
  Conv::primitive_desc winograd;
  Inner::primitive_desc product;
  int threads = 1;
  bool bias = false;
};

// False: not for such nodes, which is no news.
bool read_settled(const OpQuery& query, SettledPlan& plan) {
  const ConvGeometry& g = plan.geometry;
  DType type = DType::kFloat32;
  if (query.attrs->get_int("settled_weight", 0) == 0 || !refuse_product(query, type).empty() ||
      type != DType::kFloat32 || query.outputs[0].dtype != type ||
      !read_conv(*query.attrs, query.inputs[0].shape, query.inputs[1].shape, query.outputs[0].shape,
                 plan.geometry)
           .empty()) {
    return false;
  }
  plan.bias = has_input(query, 2);
  plan.threads = threads_for_flops(query.threads, g.flops());
  return g.groups == 1 && g.x.size() == 4 && g.dilations == Dims{0, 0};
}

std::int64_t plane(const Dims& dims) { return dims[2] * dims[3]; }

std::int64_t tiles_along(std::int64_t size) { return (size + kTile - 1) / kTile; }

// --- Winograd
// -------------------------------------------------------------------------------------

bool plan_winograd(const OpQuery& query, SettledPlan& plan) {
  const ConvGeometry& g = plan.geometry;
  const std::int64_t tiles = tiles_along(g.y[2]) * tiles_along(g.y[3]);
  const bool fits = g.w[2] == 3 && g.w[3] == 3 && g.strides == Dims{1, 1} &&
                    g.w[0] % kChannelBlock == 0 && g.w[1] % kChannelBlock == 0;
  // 36 products for a tile, 9 for an output: at most half of them.
  if (!fits || g.flops() < kLeastFlops || g.x[0] * tiles < kLeastTiles ||
      36 * tiles * 2 > 9 * plane(g.y)) {
    return false;
  }
  const ThreadCountScope scope(plan.threads);
  const Desc bias = plan.bias ? plain_descriptor({g.y[1]}) : Desc();
  plan.winograd = make_descriptor<Conv>(
      rectified(rectifier_of(*query.attrs)), dnnl::prop_kind::forward_inference,
      dnnl::algorithm::convolution_winograd, any_descriptor(g.x), any_descriptor(g.w), bias,
      any_descriptor(g.y), g.strides, g.dilations, g.pads_begin, g.pads_end);
  return quality_of(plan.winograd) == 2 && has_layout(plan.winograd.src_desc()) &&
         has_layout(plan.winograd.dst_desc());
}

std::unique_ptr<Kernel> prepare_winograd(const SettledPlan& plan, const Conv::primitive_desc& pd,
                                         std::size_t inputs) {
  const Desc weights = pd.weights_desc();
  auto preparation = std::make_unique<OneDnnKernel>(plan.threads);
  preparation->reorder(plain_descriptor(plan.geometry.w), Place::input(0), weights,
                       Place::output(0));
  auto product = std::make_unique<OneDnnKernel>(plan.threads);
  product->input_layouts.resize(inputs);
  product->input_layouts[0] = layout_of(pd.src_desc());
  product->output_layouts = {layout_of(pd.dst_desc())};
  OneDnnCall& call = product->call<Conv>(pd);
  call.add(DNNL_ARG_SRC, pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_WEIGHTS, weights, Place::input(1));
  if (plan.bias) {
    call.add(DNNL_ARG_BIAS, pd.bias_desc(), Place::input(2));
  }
  call.add(DNNL_ARG_DST, pd.dst_desc(), Place::output(0));
  return std::make_unique<SettledConvKernel>(std::move(preparation), weights.get_size(),
                                             std::move(product));
}

// --- one product
// ----------------------------------------------------------------------------------

// matrix[(o, y, x), (c, i, j)] = w[o, c, i - y stride + pad, j - x stride + pad], 0 where the
// window does not reach.
void spread_weights(const ConvGeometry& g, const float* w, float* matrix) {
  const std::int64_t channels = g.w[1], taps = plane(g.w), inputs = plane(g.x);
  std::memset(matrix, 0,
              sizeof(float) * static_cast<std::size_t>(g.w[0] * plane(g.y) * channels * inputs));
  for (std::int64_t o = 0; o < g.w[0]; ++o) {
    for (std::int64_t y = 0; y < plane(g.y); ++y, matrix += channels * inputs) {
      const std::int64_t top = y / g.y[3] * g.strides[0] - g.pads_begin[0];
      const std::int64_t left = y % g.y[3] * g.strides[1] - g.pads_begin[1];
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t i = top + tap / g.w[3], j = left + tap % g.w[3];
        if (i < 0 || i >= g.x[2] || j < 0 || j >= g.x[3]) {
          continue;
        }
        for (std::int64_t c = 0; c < channels; ++c) {
          matrix[c * inputs + i * g.x[3] + j] = w[(o * channels + c) * taps + tap];
        }
      }
    }
  }
}

// The matrix in the workspace, then in the blocking of the product; the bias likewise behind it.
class SpreadKernel final : public OneDnnKernel {
 public:
  SpreadKernel(const ConvGeometry& geometry, const Desc& plain, const Desc& blocked,
               int thread_count)
      : OneDnnKernel(thread_count), geometry_(geometry), matrix_(reserve(plain.get_size())) {
    reorder(plain, matrix_, blocked, Place::output(0));
  }
  void run(const KernelArgs& args) const override {
    spread_weights(geometry_, static_cast<const float*>(args.inputs[0]),
                   static_cast<float*>(matrix_.address(args)));
    OneDnnKernel::run(args);
  }

 private:
  ConvGeometry geometry_;
  Place matrix_;
};

// The bias of each channel stands for all its outputs.
class ProductKernel final : public OneDnnKernel {
 public:
  ProductKernel(const ConvGeometry& geometry, bool bias, int thread_count)
      : OneDnnKernel(thread_count), channels_(geometry.y[1]), plane_(plane(geometry.y)) {
    if (bias) {
      spread_ = reserve(sizeof(float) * static_cast<std::size_t>(channels_ * plane_));
    }
  }
  const std::optional<Place>& bias() const { return spread_; }
  void run(const KernelArgs& args) const override {
    if (spread_) {
      const auto* given = static_cast<const float*>(args.inputs[2]);
      auto* spread = static_cast<float*>(spread_->address(args));
      for (std::int64_t i = 0; i < channels_ * plane_; ++i) {
        spread[i] = given[i / plane_];
      }
    }
    OneDnnKernel::run(args);
  }

 private:
  std::int64_t channels_, plane_;
  std::optional<Place> spread_;
};

bool plan_product(const OpQuery& query, SettledPlan& plan) {
  const ConvGeometry& g = plan.geometry;
  if (g.x[0] < kLeastRows || plane(g.x) * plane(g.y) > kMostGrowth * plane(g.w) ||
      plane(g.w) == 1) {
    return false;
  }
  const ThreadCountScope scope(plan.threads);
  const std::int64_t inputs = g.x[1] * plane(g.x), outputs = g.y[1] * plane(g.y);
  plan.product = make_descriptor<Inner>(
      rectified(rectifier_of(*query.attrs)), dnnl::prop_kind::forward_inference,
      plain_descriptor({g.x[0], inputs}), any_descriptor({outputs, inputs}),
      plan.bias ? plain_descriptor({outputs}) : Desc(), plain_descriptor({g.x[0], outputs}));
  return quality_of(plan.product) == 2;
}

std::unique_ptr<Kernel> prepare_product(const SettledPlan& plan, const Inner::primitive_desc& pd,
                                        std::size_t inputs) {
  const ConvGeometry& g = plan.geometry;
  const Desc weights = pd.weights_desc();
  const Desc plain = plain_descriptor({g.y[1] * plane(g.y), g.x[1] * plane(g.x)});
  auto product = std::make_unique<ProductKernel>(g, plan.bias, plan.threads);
  product->input_layouts.resize(inputs);
  product->output_layouts.resize(1);
  OneDnnCall& call = product->call<Inner>(pd);
  call.add(DNNL_ARG_SRC, pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_WEIGHTS, weights, Place::input(1));
  if (plan.bias) {
    call.add(DNNL_ARG_BIAS, pd.bias_desc(), *product->bias());
  }
  call.add(DNNL_ARG_DST, pd.dst_desc(), Place::output(0));
  return std::make_unique<SettledConvKernel>(
      std::make_unique<SpreadKernel>(g, plain, weights, plan.threads), weights.get_size(),
      std::move(product));
}

}  // namespace

void add_settled_conv_rows(std::string_view op, KernelTable& table) {
  table.add(
      op, "onednn",
      [](const OpQuery& query) {
        SettledPlan plan;
        const bool fits =
            read_settled(query, plan) && (plan_product(query, plan) || plan_winograd(query, plan));
        return fits ? Support::yes() : Support::not_concerned();
      },
      [](const OpQuery& query) -> std::unique_ptr<Kernel> {
        SettledPlan plan;
        const bool read = read_settled(query, plan);
        const bool product = read && plan_product(query, plan);
        TEMPER_ASSERT(product || (read && plan_winograd(query, plan)), "no settled convolution");
        const ThreadCountScope scope(plan.threads);
        return product ? prepare_product(plan, plan.product, query.inputs.size())
                       : prepare_winograd(plan, plan.winograd, query.inputs.size());
      });
}

}  // namespace temper::cpu
