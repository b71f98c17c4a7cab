#include "backends/cpu/expression_kernel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "backends/common/index_math.h"
#include "backends/cpu/convert_loops.h"
#include "backends/cpu/functor_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/tensor_layouts.h"
#include "backends/host/kernels/elementwise_ops.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kTile = 1024;  // elements
constexpr int kMostValues = 64;       // of a program
constexpr int kMostTiles = 24;        // that are kept at a time, on the thread's stack

// How an input is read.
struct Input {
  enum class Way {
    kFlat,      // in the outputs' order
    kNumber,    // one element
    kRepeated,  // by `walk`
  };
  Way way = Way::kFlat;
  DType type = DType::kFloat32;
  BroadcastPlan<1> walk;
};

bool varies_along_one_axis(const Shape& shape) {
  return std::count_if(shape.begin(), shape.end(), [](std::int64_t dim) { return dim != 1; }) == 1;
}

using Operands = std::array<Operand, kMostValues>;

void run_instruction(const Instruction& instruction, const Operands& values, float* y,
                     std::int64_t n) {
  const auto at = [&](std::size_t i) -> const Operand& {
    return values[static_cast<std::size_t>(instruction.operands[i])];
  };
  switch (operand_count(instruction.call.functor)) {
    case 1:
      if (at(0).stride == 0) {  // a number: one element is enough
        unary_loop(instruction.call, at(0).data, y, 1);
        std::fill(y + 1, y + n, *y);
      } else {
        unary_loop(instruction.call, at(0).data, y, n);
      }
      break;
    case 2:
      binary_loop(instruction.call, at(0), at(1), y, n);
      break;
    case 3:
      ternary_loop(instruction.call, at(0), at(1), at(2), y, n);
      break;
    default:
      std::fill(y, y + n, static_cast<float>(instruction.call.p));
  }
}

// n elements as floats.
void load(DType type, const void* x, std::int64_t at, float* y, std::int64_t n) {
  if (type == DType::kBool) {
    load_truth(static_cast<const bool*>(x) + at, y, n);
  } else {
    widen(type, static_cast<const std::uint16_t*>(x) + at, y, n);
  }
}

// n elements from `first` on of an input that is repeated: where they are, when they are floats
// that lie in one run, or gathered in `tile`.
Operand repeated(const BroadcastPlan<1>& walk, DType type, const void* x, std::int64_t first,
                 std::int64_t n, float* tile) {
  const int last = walk.rank - 1;
  std::int64_t index[kMaxRank];
  std::int64_t offset = 0;
  for (int axis = last; axis >= 0; --axis) {
    index[axis] = first % walk.dims[axis];
    first /= walk.dims[axis];
    offset += index[axis] * walk.strides[0][axis];
  }
  const std::int64_t stride = walk.strides[0][last];
  const auto* floats = type == DType::kFloat32 ? static_cast<const float*>(x) : nullptr;
  if (stride <= 1 && walk.dims[last] - index[last] >= n) {
    if (floats != nullptr) {
      return {floats + offset, stride};
    }
    load(type, x, offset, tile, stride == 0 ? 1 : n);
    return {tile, stride};
  }
  for (std::int64_t done = 0; done < n;) {
    const std::int64_t run = std::min(n - done, walk.dims[last] - index[last]);
    float* const to = tile + done;
    if (floats == nullptr && stride == 1) {
      load(type, x, offset, to, run);
    } else if (floats == nullptr) {
      load(type, x, offset, to, 1);
      std::fill(to + 1, to + run, *to);
      for (std::int64_t i = 1; i < run && stride != 0; ++i) {
        load(type, x, offset + i * stride, to + i, 1);
      }
    } else if (stride == 0) {
      std::fill(to, to + run, floats[offset]);
    } else {
      for (std::int64_t i = 0; i < run; ++i) {
        to[i] = floats[offset + i * stride];
      }
    }
    // The row again, as often as the axis in front repeats it within this tile.
    if (last > 0 && walk.strides[0][last - 1] == 0 && run == walk.dims[last]) {
      const std::int64_t copies =
          std::min((n - done) / run, walk.dims[last - 1] - index[last - 1]) - 1;
      for (std::int64_t made = 1; made < copies + 1; made *= 2) {
        std::copy_n(to, run * std::min(made, copies + 1 - made), to + made * run);
      }
      done += copies * run;
      index[last - 1] += copies;
    }
    done += run;
    offset += run * stride;
    index[last] += run;
    for (int axis = last; axis > 0 && index[axis] == walk.dims[axis]; --axis) {
      offset += walk.strides[0][axis - 1] - walk.dims[axis] * walk.strides[0][axis];
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
  return {tile, 1};
}

class ExpressionKernel final : public Kernel {
 public:
  ExpressionKernel(const OpQuery& query, const Expression& expression) : code_(expression) {
    const Shape& shape = query.outputs[0].shape;
    for (std::size_t i = 0; i < static_cast<std::size_t>(code_.inputs); ++i) {
      const TensorSpec& spec = query.inputs[i];
      Input input;
      input.type = spec.dtype;
      if (spec.shape.element_count() == 1 && shape.element_count() != 1) {
        input.way = Input::Way::kNumber;
      } else if (spec.shape != shape) {
        input.walk = plan_broadcast<1>(shape, {spec.shape});
        input.way = input.walk.is_flat() ? Input::Way::kFlat : Input::Way::kRepeated;
      }
      inputs_.push_back(input);
    }
    for (const TensorSpec& output : query.outputs) {
      output_types_.push_back(output.dtype);
    }
    choose_layout(query);
    find_last_uses();
    assign_tiles();
    allow_inplace(query);
    threads_ = threads_for_elements(query.threads, count_ * weight());
    description = code_.code.size() == 1 ? "vector" : "fused vector";
  }

  int tiles() const { return tiles_; }

  void run(const KernelArgs& args) const override {
    const std::int64_t step = tiles_ == 0 && code_.code.size() == 1 ? count_ : kTile;
    parallel_ranges(threads_, count_, kTile, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) float scratch[kMostTiles * kTile];
      for (std::int64_t first = begin; first < end; first += step) {
        run_tile(args, first, std::min(step, end - first), scratch);
      }
    });
  }

 private:
  static constexpr int kNone = -1;

  // A rough measure of the work per element, in elements of an Add.
  std::int64_t weight() const {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(code_.code.size()) / 2);
  }

  // Tensors of one shape are walked in memory order, whatever the layout, unless the program would
  // fill the padding. An input that varies along one axis alone, as a bias does, is walked with
  // them.
  void choose_layout(const OpQuery& query) {
    const Shape& shape = query.outputs[0].shape;
    Layout layout;
    bool follow = true, keeps_padding = true;
    for (int i = code_.inputs - 1; i >= 0; --i) {
      const Input& input = inputs_[static_cast<std::size_t>(i)];
      const TensorSpec& spec = query.inputs[static_cast<std::size_t>(i)];
      const bool whole = spec.shape == shape;
      const bool is_number = input.way == Input::Way::kNumber;
      keeps_padding &= whole;
      follow &= whole || is_number || varies_along_one_axis(spec.shape);
      if (whole && !is_number && !spec.layout.plain) {
        layout = spec.layout;
      }
    }
    if (!follow || (has_padding(shape, layout) && (!keeps_padding || !keeps_zero()))) {
      layout = {};
    }
    count_ = storage_elements(shape, layout);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Shape& own = query.inputs[i].shape;
      input_layouts.push_back(own == shape && inputs_[i].way != Input::Way::kNumber ? layout
                                                                                    : Layout{});
      if (inputs_[i].way == Input::Way::kRepeated && !layout.plain) {
        inputs_[i].walk =
            plan_broadcast<1>(in_memory(shape, shape, layout), {in_memory(own, shape, layout)});
      }
    }
    output_layouts.assign(query.outputs.size(), layout);
  }

  // Whether all results are 0, to the bit, where all inputs are.
  bool keeps_zero() const {
    std::array<float, kMostValues> numbers{};
    Operands values;
    for (int i = 0; i < code_.value_count(); ++i) {
      float& number = numbers[static_cast<std::size_t>(i)];
      values[static_cast<std::size_t>(i)] = {&number, 1};
      if (i >= code_.inputs) {
        run_instruction(code_.made(i), values, &number, 1);
      }
    }
    return std::all_of(code_.results.begin(), code_.results.end(), [&](int value) {
      return std::bit_cast<std::uint32_t>(numbers[static_cast<std::size_t>(value)]) == 0;
    });
  }

  // last_use_[v]: the last instruction that reads value v.
  void find_last_uses() {
    last_use_.assign(static_cast<std::size_t>(code_.value_count()), kNone);
    for (int i = code_.inputs; i < code_.value_count(); ++i) {
      for (const int operand : code_.made(i).operands) {
        if (operand >= 0) {
          last_use_[static_cast<std::size_t>(operand)] = i;
        }
      }
    }
  }

  bool needs_tile(int value) const {
    if (value < code_.inputs) {
      const Input& input = inputs_[static_cast<std::size_t>(value)];
      return input.type != DType::kFloat32 || input.way == Input::Way::kRepeated;
    }
    return code_.made(value).call.functor != Functor::kConstant && float_output_of(value) == kNone;
  }

  // The output of floats that is the value.
  int float_output_of(int value) const {
    for (std::size_t r = 0; r < code_.results.size(); ++r) {
      if (code_.results[r] == value && output_types_[r] == DType::kFloat32) {
        return static_cast<int>(r);
      }
    }
    return kNone;
  }

  // Inputs are read where they are first needed. A tile is free again behind its value's last use:
  // the result may then lie in it.
  void assign_tiles() {
    tile_.assign(static_cast<std::size_t>(code_.value_count()), kNone);
    std::vector<int> free;
    const auto take = [&](int value) {
      if (!needs_tile(value)) {
        return;
      }
      if (free.empty()) {
        free.push_back(tiles_++);
      }
      tile_[static_cast<std::size_t>(value)] = free.back();
      free.pop_back();
    };
    std::vector<bool> seen(inputs_.size(), false);
    for (int i = code_.inputs; i < code_.value_count(); ++i) {
      std::vector<int>& reads = reads_.emplace_back();
      for (const int operand : code_.made(i).operands) {
        if (operand >= 0 && operand < code_.inputs && !seen[static_cast<std::size_t>(operand)]) {
          seen[static_cast<std::size_t>(operand)] = true;
          reads.push_back(operand);
          take(operand);
        }
      }
      for (int value = 0; value < i; ++value) {
        const int tile = tile_[static_cast<std::size_t>(value)];
        if (last_use_[static_cast<std::size_t>(value)] == i && tile != kNone) {
          free.push_back(tile);
        }
      }
      take(i);
    }
  }

  // An output may lie where an input is that nothing reads once the output is written.
  void allow_inplace(const OpQuery& query) {
    for (std::size_t r = 0; r < code_.results.size(); ++r) {
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (inputs_[i].way == Input::Way::kFlat && last_use_[i] <= code_.results[r] &&
            query.inputs[i].dtype == query.outputs[r].dtype) {
          inplace.emplace_back(static_cast<int>(r), static_cast<int>(i));
        }
      }
    }
  }

  Operand read(const KernelArgs& args, std::size_t i, std::int64_t first, std::int64_t n,
               float* tile) const {
    const Input& input = inputs_[i];
    const void* x = args.inputs[i];
    if (input.way == Input::Way::kRepeated) {
      return repeated(input.walk, input.type, x, first, n, tile);
    }
    const bool is_number = input.way == Input::Way::kNumber;
    const std::int64_t stride = is_number ? 0 : 1, from = is_number ? 0 : first;
    if (input.type == DType::kFloat32) {
      return {static_cast<const float*>(x) + from, stride};
    }
    load(input.type, x, from, tile, is_number ? 1 : n);
    return {tile, stride};
  }

  void run_tile(const KernelArgs& args, std::int64_t first, std::int64_t n, float* scratch) const {
    Operands values;
    std::array<float, kMostValues> constants;
    const auto tile_of = [&](std::size_t i) {
      return tile_[i] == kNone ? nullptr : scratch + tile_[i] * kTile;
    };
    for (int v = code_.inputs; v < code_.value_count(); ++v) {
      const auto i = static_cast<std::size_t>(v);
      for (const int input : reads_[static_cast<std::size_t>(v - code_.inputs)]) {
        const auto k = static_cast<std::size_t>(input);
        values[k] = read(args, k, first, n, tile_of(k));
      }
      float* tile = tile_of(i);
      const Instruction& instruction = code_.made(v);
      if (instruction.call.functor == Functor::kConstant) {
        constants[i] = static_cast<float>(instruction.call.p);
        values[i] = {&constants[i], 0};
        continue;
      }
      if (tile == nullptr) {
        tile = static_cast<float*>(args.outputs[float_output_of(v)]) + first;
      }
      run_instruction(instruction, values, tile, n);
      values[i] = {tile, 1};
      store_results(args, v, tile, first, n);
    }
  }

  void store_results(const KernelArgs& args, int value, const float* tile, std::int64_t first,
                     std::int64_t n) const {
    for (std::size_t r = 0; r < code_.results.size(); ++r) {
      if (code_.results[r] != value) {
        continue;
      }
      if (output_types_[r] == DType::kBool) {
        store_truth(tile, static_cast<bool*>(args.outputs[r]) + first, n);
      } else if (output_types_[r] != DType::kFloat32) {
        narrow(output_types_[r], tile, static_cast<std::uint16_t*>(args.outputs[r]) + first, n);
      }
    }
  }

  Expression code_;
  std::vector<Input> inputs_;
  std::vector<DType> output_types_;
  std::vector<int> last_use_, tile_;     // per value
  std::vector<std::vector<int>> reads_;  // per instruction: the inputs that it is the first to use
  int tiles_ = 0;
  std::int64_t count_ = 0;
  int threads_ = 1;
};

}  // namespace

std::string refuse_expression(const OpQuery& query, const Expression& expression) {
  std::string reason = refuse_types(query, expression);
  if (!reason.empty()) {
    return reason;
  }
  const bool fits = expression.value_count() <= kMostValues &&
                    (expression.value_count() <= kMostTiles ||
                     ExpressionKernel(query, expression).tiles() <= kMostTiles);
  return fits ? std::string{}
              : concat("a program of ", expression.code.size(), " instructions is too long");
}

std::unique_ptr<Kernel> prepare_expression(const OpQuery& query, const Expression& expression) {
  auto kernel = std::make_unique<ExpressionKernel>(query, expression);
  TEMPER_ASSERT(kernel->tiles() <= kMostTiles, kernel->tiles());
  return kernel;
}

}  // namespace temper::cpu
