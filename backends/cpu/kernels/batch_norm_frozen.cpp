// BatchNormalization by given statistics with an optional fused ReLU or ReLU6, of f32 or bf16, in
// the layout that x comes in: y = (x - mean) scale (var + epsilon)^-1/2 + bias.
#include <cmath>

#include "backends/cpu/channel_groups.h"
#include "backends/cpu/refusals.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"
#include "runtime/base/rectifier.h"

namespace temper::cpu {
namespace {

enum Input { kX, kScale, kBias, kMean, kVar };

std::string refuse(const OpQuery& query) {
  return query.attrs->get_int("training_mode", 0) != 0 ? "in training mode"
                                                       : refuse_row_types(query, {kX}, {0});
}

class FrozenNormKernel final : public Kernel {
 public:
  explicit FrozenNormKernel(const OpQuery& query)
      : groups_(channel_groups(query.inputs[kX].shape, query.inputs[kX].layout)),
        rectifier_(rectifier_of(*query.attrs)),
        epsilon_(query.attrs->get_double("epsilon", 1e-5)),
        type_(query.inputs[kX].dtype),
        threads_(threads_for_elements(query.threads, query.inputs[kX].shape.element_count())) {
    input_layouts.resize(query.inputs.size());
    input_layouts[kX] = groups_.layout;
    output_layouts = {groups_.layout};
    inplace = {{0, kX}};
    description = "vector";
  }

  void run(const KernelArgs& args) const override {
    type_ == DType::kBFloat16 ? run_as<BFloat16>(args) : run_as<float>(args);
  }

 private:
  template <class T>
  void run_as(const KernelArgs& args) const {
    const auto* x = static_cast<const T*>(args.inputs[kX]);
    auto* y = static_cast<T*>(args.outputs[0]);
    for_each_chunk(groups_, threads_, [&](std::int64_t group, std::int64_t chunk) {
      const LaneAffine affine = affine_of(args, group);
      groups_.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
        normalise(rows, x + at, affine, rectifier_.on, y + at);
      });
    });
  }

  // A plain channel has all lanes of its group; those behind the last channel are padding.
  LaneAffine affine_of(const KernelArgs& args, std::int64_t group) const {
    LaneAffine affine;
    if (rectifier_.has_ceiling()) {
      affine.ceiling = static_cast<float>(rectifier_.ceiling);
    }
    for (int lane = 0; lane < kNormLanes; ++lane) {
      const bool one = groups_.lanes == 1;
      const std::int64_t c = one ? group : group * groups_.lanes + lane;
      if (c >= groups_.channels || (!one && lane >= groups_.lanes)) {
        continue;
      }
      const auto in = [&](int i) {
        return static_cast<double>(static_cast<const float*>(args.inputs[i])[c]);
      };
      affine.mean[lane] = static_cast<float>(in(kMean));
      affine.factor[lane] = static_cast<float>(in(kScale) / std::sqrt(in(kVar) + epsilon_));
      affine.bias[lane] = static_cast<float>(in(kBias));
    }
    return affine;
  }

  ChannelGroups groups_;
  Rectifier rectifier_;
  double epsilon_;
  DType type_;
  int threads_;
};

}  // namespace

void register_batch_norm_frozen(KernelTable& table) {
  table.add(
      "BatchNormalization", "cpu", [](const OpQuery& query) { return support_from(refuse(query)); },
      [](const OpQuery& query) -> std::unique_ptr<Kernel> {
        return std::make_unique<FrozenNormKernel>(query);
      });
}

}  // namespace temper::cpu
