// GlobalNorm, AllFinite, ClipFactor and LossScaleUpdate.
#include "backends/cuda/kernels/whole_tensor_checks.h"

#include <algorithm>
#include <utility>

#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/layouts.h"

namespace temper::cuda {
namespace {

constexpr std::int64_t kChunk = 16384;

// Launches over the chunks of all inputs, whose table is made when addresses are bound.
class ChunkKernel final : public Kernel {
 public:
  // `factor`: null without `scaled`.
  using Run = void (*)(const TensorChunk* chunks, std::int64_t count, double number,
                       const float* factor, const KernelArgs& args);

  // `scaled`: the last input is a factor, none of the tensors looked at.
  ChunkKernel(const OpQuery& query, std::size_t part_bytes, double number, Run launches,
              bool scaled = false)
      : number_(number), scaled_(scaled), run_(launches) {
    for (const TensorSpec& input : query.inputs) {
      const bool other = scaled && counts_.size() + 1 == query.inputs.size();
      counts_.push_back(input.present() && !other ? input.shape.element_count() : 0);
      input_layouts.push_back(as_it_comes(input));
      chunks_ += (counts_.back() + kChunk - 1) / kChunk;
    }
    workspace_bytes = static_cast<std::size_t>(chunks_) * part_bytes;
    kept_bytes = static_cast<std::size_t>(chunks_) * sizeof(TensorChunk);
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    std::vector<TensorChunk> chunks;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      for (std::int64_t at = 0; at < counts_[i]; at += kChunk) {
        chunks.push_back({input<float>(args, i) + at, std::min(kChunk, counts_[i] - at)});
      }
    }
    auto state = std::make_unique<State>();
    state->chunks = {chunks, handle_of(args.stream)};
    return state;
  }
  void run(const KernelArgs& args) const override {
    const float* factor = scaled_ ? input<float>(args, counts_.size() - 1) : nullptr;
    run_(args.state_as<State>().chunks.address(), chunks_, number_, factor, args);
  }

 private:
  struct State final : KernelState {
    DeviceArray<TensorChunk> chunks;
  };

  std::vector<std::int64_t> counts_;
  std::int64_t chunks_ = 0;
  double number_;
  bool scaled_;
  Run run_;
};

std::unique_ptr<Kernel> prepare_norm(const OpQuery& query) {
  return std::make_unique<ChunkKernel>(
      query, sizeof(double), query.attrs->get_double("norm_type", 2),
      [](const TensorChunk* chunks, std::int64_t count, double p, const float* factor,
         const KernelArgs& args) {
        global_norm(chunks, count, p, factor, static_cast<double*>(args.workspace),
                    output<float>(args, 0), handle_of(args.stream));
      },
      query.attrs->get_int("scaled", 0) != 0);
}

std::unique_ptr<Kernel> prepare_finite(const OpQuery& query) {
  return std::make_unique<ChunkKernel>(query, sizeof(std::int32_t), 0,
                                       [](const TensorChunk* chunks, std::int64_t count, double,
                                          const float*, const KernelArgs& args) {
                                         all_finite(chunks, count,
                                                    static_cast<std::int32_t*>(args.workspace),
                                                    output<bool>(args, 0), handle_of(args.stream));
                                       });
}

std::unique_ptr<Kernel> prepare_factor(const OpQuery& query) {
  return make_kernel([max_norm = query.attrs->get_double("max_norm", 0),
                      scaled = has_input(query, 1)](const KernelArgs& args) {
    clip_factor(input<float>(args, 0), max_norm, scaled ? input<float>(args, 1) : nullptr,
                output<float>(args, 0), handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_loss_scale(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const LossScaleRule rule{attrs.get_double("growth_factor", 2.0),
                           attrs.get_double("backoff_factor", 0.5),
                           attrs.get_int("growth_interval", 2000),
                           static_cast<float>(attrs.get_double("min_scale", 1.0))};
  return make_kernel([rule](const KernelArgs& args) {
    update_loss_scale(rule, input<float>(args, 0), input<std::int64_t>(args, 1),
                      input<bool>(args, 2), output<float>(args, 0), output<std::int64_t>(args, 1),
                      handle_of(args.stream));
  });
}

Support float_inputs(const OpQuery& query) {
  OpQuery inputs = query;
  inputs.outputs.clear();
  return only_f32(inputs);
}

}  // namespace

void register_whole_tensor_checks(KernelTable& table) {
  add_row(table, "GlobalNorm", only_f32, prepare_norm);
  add_row(table, "AllFinite", float_inputs, prepare_finite);
  add_row(table, "ClipFactor", only_f32, prepare_factor);
  add_row(table, "LossScaleUpdate", {}, prepare_loss_scale);
}

}  // namespace temper::cuda
