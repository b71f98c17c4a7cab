// RowNorm and its gradient, f32, plain. The gradients of scale and bias are summed over blocks of
// rows and then over the blocks, which the shape alone decides, so that threads do not matter.
#include <algorithm>
#include <array>
#include <cmath>

#include "backends/cpu/float_support.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/row_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kMostBlocks = 64;
constexpr std::int64_t kRowsInFloat = 16;  // summed before they go to double

bool has(const std::vector<TensorSpec>& specs, std::size_t i) {
  return i < specs.size() && specs[i].present();
}

struct Rows {
  std::int64_t count = 1, size = 1;
  double epsilon = 0;
  bool centred = true;
  bool has_scale = false, has_bias = false;
  int threads = 1;

  explicit Rows(const OpQuery& query)
      : epsilon(query.attrs->get_double("epsilon", 1e-5)),
        centred(query.attrs->get_int("centred", 1) != 0),
        has_scale(has(query.inputs, 1)),
        has_bias(has(query.inputs, 2)) {
    const Shape& x = query.inputs[0].shape;
    const auto axis = static_cast<int>(query.attrs->get_int("axis", -1));
    count = x.count(0, axis);
    size = x.count(axis, x.rank());
    threads = threads_for_elements(query.threads, x.element_count());
  }
  const float* scale(const KernelArgs& args) const {
    return has_scale ? static_cast<const float*>(args.inputs[1]) : nullptr;
  }
  const float* bias(const KernelArgs& args) const {
    return has_bias ? static_cast<const float*>(args.inputs[2]) : nullptr;
  }
};

struct Statistics {
  float mean = 0, inverse = 0;
};

// In two passes over the row, which lies in the cache by the second.
Statistics statistics_of(const Rows& rows, const float* x) {
  const auto size = static_cast<double>(rows.size);
  Statistics s;
  s.mean = rows.centred ? static_cast<float>(row_sum(x, rows.size) / size) : 0;
  const double variance = row_square_sum(x, s.mean, rows.size) / size;
  s.inverse = static_cast<float>(1 / std::sqrt(variance + rows.epsilon));
  return s;
}

std::unique_ptr<Kernel> prepare_row_norm(const OpQuery& query) {
  const Rows rows(query);
  const bool has_mean = has(query.outputs, 1), has_inverse = has(query.outputs, 2);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const float *scale = rows.scale(args), *bias = rows.bias(args);
    parallel_ranges(rows.threads, rows.count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const float* x = static_cast<const float*>(args.inputs[0]) + r * rows.size;
        const Statistics s = statistics_of(rows, x);
        normalise_row(x, s.mean, s.inverse, scale, bias,
                      static_cast<float*>(args.outputs[0]) + r * rows.size, rows.size);
        if (has_mean) {
          static_cast<float*>(args.outputs[1])[r] = s.mean;
        }
        if (has_inverse) {
          static_cast<float*>(args.outputs[2])[r] = s.inverse;
        }
      }
    });
  });
  kernel->inplace = {{0, 0}};
  kernel->description = "vector";
  return kernel;
}

// What a block of rows adds up: dscale and dbias in double and the parts in float on their way.
struct BlockSums {
  double* totals;  // dscale, then dbias
  float* parts;

  BlockSums(void* workspace, std::int64_t block, std::int64_t size) {
    auto* bytes = static_cast<char*>(workspace) + block * bytes_for(size);
    totals = reinterpret_cast<double*>(bytes);
    parts = reinterpret_cast<float*>(totals + 2 * size);
  }
  static std::int64_t bytes_for(std::int64_t size) {
    return 2 * size * static_cast<std::int64_t>(sizeof(double) + sizeof(float));
  }
};

class RowNormGradKernel final : public Kernel {
 public:
  explicit RowNormGradKernel(const OpQuery& query)
      : rows_(query),
        has_dx_(has(query.outputs, 0)),
        has_dscale_(has(query.outputs, 1)),
        has_dbias_(has(query.outputs, 2)),
        blocks_(std::clamp<std::int64_t>(rows_.count / kRowsInFloat, 1, kMostBlocks)) {
    for (std::size_t i = 0; i < given_.size(); ++i) {
      given_[i] = has(query.inputs, i);
    }
    if (has_sums()) {
      workspace_bytes = static_cast<std::size_t>(blocks_ * BlockSums::bytes_for(rows_.size));
    }
    if (has_dx_) {
      inplace = {{0, 3}, {0, 0}};
    }
    description = "vector";
  }

  void run(const KernelArgs& args) const override {
    parallel_ranges(rows_.threads, blocks_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        run_block(args, block);
      }
    });
    if (has_sums()) {
      parallel_ranges(rows_.threads, rows_.size, kColumns,
                      [&](std::int64_t begin, std::int64_t end) { add_blocks(args, begin, end); });
    }
  }

 private:
  static constexpr std::int64_t kColumns = 128;

  bool has_sums() const { return has_dscale_ || has_dbias_; }

  void run_block(const KernelArgs& args, std::int64_t block) const {
    const std::int64_t first = rows_.count * block / blocks_;
    const std::int64_t last = rows_.count * (block + 1) / blocks_;
    const std::int64_t size = rows_.size;
    const BlockSums sums(args.workspace, block, size);
    if (has_sums()) {
      std::fill(sums.totals, sums.totals + 2 * size, 0.0);
      std::fill(sums.parts, sums.parts + 2 * size, 0.0f);
    }
    for (std::int64_t r = first; r < last; ++r) {
      const float* x = static_cast<const float*>(args.inputs[0]) + r * size;
      const float* dy = static_cast<const float*>(args.inputs[3]) + r * size;
      const Statistics s = statistics_of(rows_, x);
      const RowGradientSums of_row =
          has_sums() ? row_gradient_sums(x, s.mean, s.inverse, dy, rows_.scale(args), sums.parts,
                                         sums.parts + size, size)
                     : row_gradient_sums(x, s.mean, dy, rows_.scale(args), size);
      if (has_sums() && ((r - first + 1) % kRowsInFloat == 0 || r + 1 == last)) {
        flush_to(sums.totals, sums.parts, 2 * size);
      }
      if (has_dx_) {
        const float dmean = rows_.centred ? gradient_of_statistic(args, 4, r) : 0;
        const RowGradient gradient =
            gradient_of_row(of_row, s, dmean, gradient_of_statistic(args, 5, r));
        normalise_row_grad(x, dy, rows_.scale(args), gradient,
                           static_cast<float*>(args.outputs[0]) + r * size, size);
      }
    }
  }

  float gradient_of_statistic(const KernelArgs& args, std::size_t input, std::int64_t row) const {
    return given_[input] ? static_cast<const float*>(args.inputs[input])[row] : 0;
  }

  // dx = inverse * (g - mean(g) - h * mean(g * h)) + (dmean - dinverse * inverse^2 * h) / n with
  // h = (x - mean) * inverse
  RowGradient gradient_of_row(const RowGradientSums& sums, const Statistics& s, float dmean,
                              float dinverse) const {
    const auto size = static_cast<double>(rows_.size);
    const auto inverse = static_cast<double>(s.inverse);
    RowGradient gradient;
    gradient.mean = s.mean;
    gradient.factor = s.inverse;
    gradient.slope = static_cast<float>(inverse * inverse * inverse *
                                        ((sums.gc + static_cast<double>(dinverse)) / size));
    const double mean_g = rows_.centred ? inverse * (sums.g / size) : 0;
    gradient.constant = static_cast<float>(mean_g - static_cast<double>(dmean) / size);
    return gradient;
  }

  void add_blocks(const KernelArgs& args, std::int64_t begin, std::int64_t end) const {
    for (const int which : {0, 1}) {
      if (!(which == 0 ? has_dscale_ : has_dbias_)) {
        continue;
      }
      auto* sum = static_cast<float*>(args.outputs[which + 1]);
      for (std::int64_t i = begin; i < end; ++i) {
        double total = 0;
        for (std::int64_t block = 0; block < blocks_; ++block) {
          total += BlockSums(args.workspace, block, rows_.size).totals[which * rows_.size + i];
        }
        sum[i] = static_cast<float>(total);
      }
    }
  }

  Rows rows_;
  std::array<bool, 6> given_{};
  bool has_dx_, has_dscale_, has_dbias_;
  std::int64_t blocks_;
};

}  // namespace

void register_row_norm(KernelTable& table) {
  table.add("RowNorm", "cpu", only_float32, prepare_row_norm);
  table.add("RowNormGrad", "cpu", only_float32,
            [](const OpQuery& query) -> std::unique_ptr<Kernel> {
              return std::make_unique<RowNormGradKernel>(query);
            });
}

}  // namespace temper::cpu
