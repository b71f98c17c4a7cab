#include "runtime/backend/widened_rows.h"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/backend/prepared_input.h"
#include "runtime/base/alignment.h"
#include "runtime/base/concat.h"

namespace temper {
namespace {

constexpr std::string_view kSuffix = " via f32";

bool is_16_bit(const TensorSpec& spec) {
  return spec.dtype == DType::kFloat16 || spec.dtype == DType::kBFloat16;
}

bool any_16_bit(const OpQuery& query) {
  return std::any_of(query.inputs.begin(), query.inputs.end(), is_16_bit) ||
         std::any_of(query.outputs.begin(), query.outputs.end(), is_16_bit);
}

// One tensor of the query that the inner kernel sees as f32 in the workspace.
struct Converted {
  std::size_t index = 0;  // of the input or output
  DType dtype = DType::kFloat16;
  std::int64_t count = 0;  // elements of storage
  std::size_t offset = 0;  // in the workspace
};

class WidenedKernel final : public Kernel {
 public:
  WidenedKernel(const OpQuery& query, std::unique_ptr<Kernel> inner, const ConversionLoops& loops)
      : inner_(std::move(inner)), loops_(loops), threads_(query.threads) {
    input_layouts = inner_->input_layouts;
    output_layouts = inner_->output_layouts;
    opaque_bytes = inner_->opaque_bytes;
    description = inner_->description;
    kept_bytes = inner_->kept_bytes;
    input_count_ = query.inputs.size();
    output_count_ = query.outputs.size();
    reserve(query.inputs, input_layouts, inputs_);
    reserve(query.outputs, output_layouts, outputs_);
    inner_offset_ = workspace_bytes;
    workspace_bytes += inner_->workspace_bytes;
    // Both converted: the input is read before anything is written. Both passed on: as the kernel
    // says.
    for (const auto& [out, in] : inner_->inplace) {
      if (is_16_bit(query.outputs[static_cast<std::size_t>(out)]) ==
          is_16_bit(query.inputs[static_cast<std::size_t>(in)])) {
        inplace.emplace_back(out, in);
      }
    }
  }

  const Kernel& inner() const { return *inner_; }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    state->inputs.resize(input_count_);
    state->outputs.resize(output_count_);
    state->inner = inner_->bind(inner_args(args, *state));
    return state;
  }

  void run(const KernelArgs& args) const override {
    State& state = args.state_as<State>();
    const KernelArgs inner = inner_args(args, state);
    for (const Converted& part : inputs_) {
      loops_.widen(part.dtype, args.inputs[part.index],
                   static_cast<float*>(state.inputs[part.index]), part.count,
                   {threads_, args.stream});
    }
    inner_->run(inner);
    for (const Converted& part : outputs_) {
      loops_.narrow(part.dtype, static_cast<const float*>(state.outputs[part.index]),
                    args.outputs[part.index], part.count, {threads_, args.stream});
    }
  }

 private:
  struct State final : KernelState {
    std::vector<void*> inputs, outputs;  // as the inner kernel sees them
    std::unique_ptr<KernelState> inner;
  };

  void reserve(const std::vector<TensorSpec>& specs, const std::vector<Layout>& layouts,
               std::vector<Converted>& parts) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (is_16_bit(specs[i])) {
        const Layout layout = i < layouts.size() ? layouts[i] : Layout{};
        const std::int64_t count = storage_elements(specs[i].shape, layout);
        parts.push_back({i, specs[i].dtype, count, workspace_bytes});
        const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
        workspace_bytes += aligned_bytes(bytes);
      }
    }
  }

  KernelArgs inner_args(const KernelArgs& args, State& state) const {
    auto* workspace = static_cast<std::byte*>(args.workspace);
    std::copy_n(args.inputs, input_count_, state.inputs.begin());
    std::copy_n(args.outputs, output_count_, state.outputs.begin());
    for (const Converted& part : inputs_) {
      state.inputs[part.index] = workspace + part.offset;
    }
    for (const Converted& part : outputs_) {
      state.outputs[part.index] = workspace + part.offset;
    }
    KernelArgs inner = args;
    inner.inputs = state.inputs.data();
    inner.outputs = state.outputs.data();
    inner.workspace = workspace + inner_offset_;
    inner.state = state.inner.get();
    return inner;
  }

  std::unique_ptr<const Kernel> inner_;
  ConversionLoops loops_;
  int threads_;
  std::vector<Converted> inputs_, outputs_;
  std::size_t input_count_ = 0, output_count_ = 0, inner_offset_ = 0;
};

class WidenedRow final : public KernelImpl {
 public:
  WidenedRow(const KernelImpl& row, const ConversionLoops& loops)
      : row_(row), loops_(loops), family_(concat(row.family(), kSuffix)) {}

  std::string_view family() const override { return family_; }
  bool widens(const KernelImpl& row) const { return &row == &row_; }

  Support supports(const OpQuery& query) const override {
    if (!any_16_bit(query)) {
      return Support::not_concerned();
    }
    OpQuery wide;
    if (!widen(query, wide)) {
      return Support::no("the forward kernel is another one");
    }
    const Support support = row_.supports(wide);
    return support.ok && prepares_input(wide) ? Support::not_concerned() : support;
  }

  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    OpQuery wide;
    widen(query, wide);
    return std::make_unique<WidenedKernel>(query, row_.prepare(wide), loops_);
  }

 private:
  // What is prepared once is not converted before each run.
  bool prepares_input(const OpQuery& wide) const {
    return wide.attrs != nullptr && wide.attrs->get_int("settled_weight", 0) != 0 &&
           dynamic_cast<const PreparesInput*>(row_.prepare(wide).get()) != nullptr;
  }

  // False when the forward's kernel is none of ours.
  static bool widen(const OpQuery& query, OpQuery& wide) {
    wide = query;
    for (auto* specs : {&wide.inputs, &wide.outputs}) {
      for (TensorSpec& spec : *specs) {
        spec.dtype = is_16_bit(spec) ? DType::kFloat32 : spec.dtype;
      }
    }
    if (query.forward != nullptr) {
      const auto* forward = dynamic_cast<const WidenedKernel*>(query.forward);
      wide.forward = forward == nullptr ? nullptr : &forward->inner();
      return forward != nullptr;
    }
    return true;
  }

  const KernelImpl& row_;
  ConversionLoops loops_;
  std::string family_;
};

}  // namespace

void add_widened_rows(KernelTable& table, const ConversionLoops& loops) {
  for (const std::string& op : table.ops()) {
    if (table.takes_any_type(op)) {
      continue;
    }
    const auto& rows = table.rows(op);
    // By the row: an op may have several of one family.
    const auto is_widened = [&](const KernelImpl& candidate) {
      return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
        const auto* widened = dynamic_cast<const WidenedRow*>(row.get());
        return widened != nullptr && (widened == &candidate || widened->widens(candidate));
      });
    };
    for (std::size_t i = 0, count = rows.size(); i < count; ++i) {
      const KernelImpl& row = *rows[i];
      if (!is_widened(row)) {
        table.add(op, std::make_unique<WidenedRow>(row, loops));
      }
    }
  }
}

}  // namespace temper
