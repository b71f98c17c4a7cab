// The optimizers' updates over f32 variables: neighbours in the flat buffers are joined when
// addresses are bound, and the whole update is one launch. The step's scalars are read there.
#include "backends/cuda/kernels/optimizer_updates.h"

#include <algorithm>

#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/host/update_kernel.h"

namespace temper::cuda {
namespace {

constexpr std::int64_t kChunk = 4096;  // elements of a block

class DeviceUpdateKernel final : public UpdateKernel {
 public:
  DeviceUpdateKernel(const OpQuery& query, const UpdateForm& form)
      : UpdateKernel(query, form.parameters, kChunk, !form.by_tensor), form_(form) {
    // The most chunks there can be: without joining.
    const std::int64_t most =
        total_elements() / kChunk + static_cast<std::int64_t>(tensor_count()) + 1;
    workspace_bytes = form.by_tensor ? static_cast<std::size_t>(most) * sizeof(UpdateSums) : 0;
    kept_bytes = static_cast<std::size_t>(most) * sizeof(UpdateChunk);
    description = "flat";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    BoundUpdate ranges;
    set_ranges(ranges, args);
    std::vector<UpdateChunk> chunks;
    for (std::size_t i = 0; i + 1 < ranges.chunk_begin.size(); ++i) {
      const std::size_t first = ranges.chunk_begin[i], end = ranges.chunk_begin[i + 1];
      for (std::size_t c = first; c < end; ++c) {
        chunks.push_back(
            {ranges.chunks[c], static_cast<std::int64_t>(first), static_cast<std::int64_t>(end)});
      }
    }
    const StreamHandle stream = handle_of(args.stream);
    const UpdateScalars of_host = scalars_of(args);
    auto state = std::make_unique<State>();
    state->chunks = {chunks, stream};
    state->numbers = {numbers(), stream};
    state->signs = {{of_host.signs, of_host.signs + of_host.groups}, stream};
    state->rate_factors = {{of_host.rate_factors, of_host.rate_factors + of_host.groups}, stream};
    std::vector<char> used;
    for (std::size_t g = 0; g < group_count(); ++g) {
      used.push_back(is_used(g) ? 1 : 0);
    }
    state->used = {used, stream};
    state->chunk_count = static_cast<std::int64_t>(chunks.size());
    return state;
  }

  void run(const KernelArgs& args) const override {
    const State& state = args.state_as<State>();
    DeviceUpdate update;
    update.ok = input<bool>(args, UpdateLayout::kOk);
    update.scalars = scalars_of(args);
    update.scalars.signs = state.signs.address();
    update.scalars.rate_factors = state.rate_factors.address();
    update.numbers = state.numbers.address();
    update.chunks = state.chunks.address();
    update.chunk_count = state.chunk_count;
    update.sums = static_cast<UpdateSums*>(args.workspace);
    update.copy_type = copy_type();
    update.is_used = reinterpret_cast<const bool*>(state.used.address());
    form_.run(update, handle_of(args.stream));
  }

 private:
  struct State final : KernelState {
    DeviceArray<UpdateChunk> chunks;
    DeviceArray<double> numbers, signs, rate_factors;
    DeviceArray<char> used;
    std::int64_t chunk_count = 0;
  };

  const UpdateForm& form_;
};

// Of the op, with the states that the node has.
const UpdateForm* form_of(const OpQuery& query) {
  const std::vector<std::string> states = UpdateLayout::state_names(*query.attrs);
  const auto& forms = update_forms();
  const auto found = std::find_if(forms.begin(), forms.end(), [&](const UpdateForm& form) {
    return form.op == query.op && form.states == states;
  });
  return found == forms.end() ? nullptr : &*found;
}

Support supports(const OpQuery& query) {
  for (const double eps : query.attrs->get_doubles("eps")) {
    if (!(eps > 0)) {
      return Support::no("without eps padding would become 0 / 0");
    }
  }
  return form_of(query) == nullptr ? Support::no("no update with these states")
                                   : supports_update(query, false);
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  for (const UpdateForm& form : update_forms()) {
    if (table.rows(form.op).empty()) {
      add_row(table, form.op, supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
        return std::make_unique<DeviceUpdateKernel>(query, *form_of(query));
      });
    }
  }
}

}  // namespace temper::cuda
