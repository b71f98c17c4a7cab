#include "backends/cpu/checked_row.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/concat.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/log.h"

namespace temper::cpu {
namespace {

bool is_bf16(const TensorSpec& spec) { return spec.dtype == DType::kBFloat16; }

OpQuery in_float32(const OpQuery& query) {
  OpQuery wide = query;
  for (auto* specs : {&wide.inputs, &wide.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec.dtype = is_bf16(spec) ? DType::kFloat32 : spec.dtype;
    }
  }
  return wide;
}

struct alignas(64) Line {
  std::byte bytes[64];
};

// Memory of a tensor in the layout a kernel asks for.
class Storage {
 public:
  Storage(const TensorSpec& spec, const std::vector<Layout>& layouts, std::size_t i)
      : spec_(spec), layout_(i < layouts.size() ? layouts[i] : Layout{}) {
    if (spec.present()) {
      lines_.resize(static_cast<std::size_t>(storage_bytes(spec.dtype, spec.shape, layout_)) /
                        sizeof(Line) +
                    1);
    }
  }
  void* data() { return lines_.empty() ? nullptr : lines_.data(); }

  // Calls f(number of the element, its value, by reference) for all logical elements.
  template <class F>
  void for_each(const F& f) {
    std::int64_t index[kMaxRank] = {};
    for (std::int64_t i = 0; i < spec_.shape.element_count(); ++i) {
      const std::int64_t at = element_offset(spec_.shape, layout_, index);
      if (is_bf16(spec_)) {
        auto* x = static_cast<BFloat16*>(data()) + at;
        float value(*x);
        f(i, value);
        *x = BFloat16(value);
      } else {
        f(i, static_cast<float*>(data())[at]);
      }
      for (int axis = spec_.shape.rank() - 1; axis >= 0 && ++index[axis] == spec_.shape[axis];
           --axis) {
        index[axis] = 0;
      }
    }
  }

 private:
  TensorSpec spec_;
  Layout layout_;
  std::vector<Line> lines_;
};

// Whole numbers from -1 to 3, in no order that a sum could follow.
float sample(std::int64_t i, std::size_t input) {
  const auto hash =
      static_cast<std::uint32_t>(i + 1) * 2654435761u + static_cast<std::uint32_t>(input) * 40503u;
  return static_cast<float>(static_cast<int>((hash >> 11) % 5u) - 1);
}

// All outputs, one behind the other.
std::vector<float> run_row(const KernelImpl& row, const OpQuery& query) {
  const auto kernel = row.prepare(query);
  std::vector<Storage> tensors;
  std::vector<void*> inputs, outputs;
  tensors.reserve(query.inputs.size() + query.outputs.size());
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    Storage& made = tensors.emplace_back(query.inputs[i], kernel->input_layouts, i);
    if (query.inputs[i].present()) {
      made.for_each([i](std::int64_t element, float& value) { value = sample(element, i); });
    }
    inputs.push_back(made.data());
  }
  for (std::size_t i = 0; i < query.outputs.size(); ++i) {
    outputs.push_back(tensors.emplace_back(query.outputs[i], kernel->output_layouts, i).data());
  }
  std::vector<Line> workspace(kernel->workspace_bytes / sizeof(Line) + 1);
  KernelArgs args;
  args.inputs = inputs.data();
  args.outputs = outputs.data();
  args.workspace = workspace.data();
  const auto state = kernel->bind(args);
  args.state = state.get();
  kernel->run(args);
  std::vector<float> results;
  for (std::size_t i = 0; i < query.outputs.size(); ++i) {
    if (query.outputs[i].present()) {
      tensors[query.inputs.size() + i].for_each(
          [&](std::int64_t, float& value) { results.push_back(value); });
    }
  }
  return results;
}

}  // namespace

SmallQuery with_few_rows(const OpQuery& query) {
  SmallQuery small{*query.attrs, query};
  for (auto* specs : {&small.query.inputs, &small.query.outputs}) {
    for (TensorSpec& spec : *specs) {
      for (int axis = 0; axis < spec.shape.rank(); ++axis) {
        spec.shape[axis] = few(spec.shape[axis]);
      }
    }
  }
  return small;
}

std::string compare_rows(const KernelImpl& tested, const KernelImpl& oracle,
                         const SmallQuery& small) {
  OpQuery query = small.query;
  query.attrs = &small.attrs;
  if (!tested.supports(query).ok) {
    return {};  // this kind runs for larger queries only, and there is nothing to compare
  }
  const std::vector<float> actual = run_row(tested, query);
  const std::vector<float> expected = run_row(oracle, in_float32(query));
  TEMPER_ASSERT(actual.size() == expected.size(), actual.size(), " results, not ", expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    // A result is rounded once, to 8 bits.
    if (!(std::abs(actual[i] - expected[i]) <= std::abs(expected[i]) * 0x1p-8f + 0x1p-10f)) {
      return concat("gave ", actual[i], " where ", expected[i], " is right");
    }
  }
  return {};
}

CheckedRow::CheckedRow(const KernelTable& table, std::unique_ptr<KernelImpl> row,
                       SmallQuery (*shrink)(const OpQuery&))
    : table_(table), row_(std::move(row)), shrink_(shrink) {}

Support CheckedRow::supports(const OpQuery& query) const {
  Support support = row_->supports(query);
  if (support.ok && std::any_of(query.inputs.begin(), query.inputs.end(), is_bf16)) {
    const std::string wrong = verdict(query);
    if (!wrong.empty()) {
      return Support::no(concat("its bf16 code failed a self-test: it ", wrong));
    }
  }
  return support;
}

std::string CheckedRow::verdict(const OpQuery& query) const {
  SmallQuery small = shrink_(query);
  for (auto* specs : {&small.query.inputs, &small.query.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec.layout = {};
    }
  }
  std::string key = to_string(small.attrs);
  for (const auto* specs : {&small.query.inputs, &small.query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      key += concat(' ', spec.dtype, spec.shape);
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = verdicts_.find(key);
  if (known != verdicts_.end()) {
    return known->second;
  }
  OpQuery wide = in_float32(small.query);
  wide.attrs = &small.attrs;
  std::string wrong;
  for (const auto& row : table_.rows(query.op)) {
    if (row->family() != family() && row->supports(wide).ok) {
      wrong = compare_rows(*row_, *row, small);
      break;
    }
  }
  if (!wrong.empty()) {
    log(LogLevel::kWarning, concat("the bf16 code of ", family(), " for ", query.op,
                                   " is not used on this processor: in ", "a self-test it ", wrong,
                                   "; slower kernels take its place"));
  }
  return verdicts_[key] = wrong;
}

}  // namespace temper::cpu
