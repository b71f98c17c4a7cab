// The kernel of an optimizer's update but for its arithmetic: which tensors and groups a node
// names, the step's scalars, ranges of the flat buffers. Shared by the backends that run on the
// host.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "backends/common/flat_ranges.h"
#include "backends/common/optimizers/trust_ratio.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype.h"
#include "runtime/base/float16.h"
#include "runtime/base/update_layout.h"

namespace temper {

// "No" unless all tensors are f32, or (with `also_double`) all are f64.
Support supports_update(const OpQuery& query, bool also_double);

// The ranges of the buffers an executor bound, in pieces for threads.
struct BoundUpdate : KernelState {
  std::vector<FlatRange> chunks;
  // Without merging: the chunks of tensor i are those from chunk_begin[i] to chunk_begin[i + 1].
  std::vector<std::size_t> chunk_begin;
};

class UpdateKernel : public Kernel {
 public:
  // `parameters`: the attributes the arithmetic reads, one number per group each. `merge`: join
  // tensors that follow each other.
  UpdateKernel(const OpQuery& query, std::vector<std::string> parameters, std::int64_t chunk,
               bool merge);

 protected:
  // Sets the ranges of a state: what bind() of each update does.
  void set_ranges(BoundUpdate& state, const KernelArgs& args) const;
  // False: this step must write nothing.
  static bool wanted(const KernelArgs& args) {
    return *static_cast<const bool*>(args.inputs[UpdateLayout::kOk]);
  }

  // A group here is a group of the node in one phase: parameters with the same step.
  std::size_t group_count() const { return groups_ * phases_; }
  // False: no parameter is in it, and it must not be touched.
  bool is_used(std::size_t group) const { return used_[group]; }
  UpdateScalars scalars_of(const KernelArgs& args) const;
  UpdateStep step_of(const KernelArgs& args, std::size_t group) const {
    return scalars_of(args).step_of(static_cast<std::int64_t>(group));
  }
  // All numbers of all groups, as numbers_of() gives those of one.
  const std::vector<double>& numbers() const { return numbers_; }
  // The group's numbers, in the order of `parameters`.
  const double* numbers_of(std::size_t group) const {
    return numbers_.data() + group / phases_ * parameter_count_;
  }
  std::int64_t total_elements() const { return total_; }
  const UpdateLayout& layout() const { return layout_; }
  std::size_t tensor_count() const { return layout_.count; }

  // False: no parameter has a copy.
  bool writes_copies() const { return copy_type_ != DType::kUndefined; }
  DType copy_type() const { return copy_type_; }

  // The parameters of a range as they are now into their copies, if they have some.
  template <class T>
  void write_copy(const FlatRange& range) const {
    if (range.copy == nullptr) {
      return;
    }
    const T* from = reinterpret_cast<const T*>(range.parameter);
    const auto write = [&]<class Low>(Low* to) {
      for (std::int64_t i = 0; i < range.elements; ++i) {
        to[i] = Low(static_cast<float>(from[i]));
      }
    };
    if (copy_type_ == DType::kBFloat16) {
      write(reinterpret_cast<BFloat16*>(range.copy));
    } else {
      write(reinterpret_cast<Float16*>(range.copy));
    }
  }

  template <class T>
  static UpdateSlice<T> slice_of(const FlatRange& range) {
    UpdateSlice<T> slice;
    slice.parameter = reinterpret_cast<T*>(range.parameter);
    slice.gradient = reinterpret_cast<const T*>(range.gradient);
    for (std::size_t i = 0; i < slice.states.size(); ++i) {
      slice.states[i] = reinterpret_cast<T*>(range.states[i]);
    }
    slice.count = range.elements;
    return slice;
  }

 private:
  void read_groups(const Attrs& attrs, const std::vector<std::string>& parameters);
  void take_layouts(const OpQuery& query);

  UpdateLayout layout_;
  std::size_t groups_ = 1, phases_ = 1, parameter_count_ = 0, element_bytes_ = 0;
  std::int64_t rate_slots_ = 1, chunk_ = 0, total_ = 0;
  DType scale_type_, copy_type_ = DType::kUndefined;
  bool merge_, over_padding_ = true, has_memory_ = false;
  std::vector<bool> used_;
  std::vector<std::int64_t> group_of_, elements_;
  std::vector<double> numbers_, sign_, rate_factor_;
};

// One pass over the flat buffers. Host gives run(threads, count, f), which calls f(i) for each i,
// loop(update, slice), kChunk and kMerge.
template <class U, class T, class Host>
class FlatUpdateKernel final : public UpdateKernel {
 public:
  explicit FlatUpdateKernel(const OpQuery& query)
      : UpdateKernel(query, {U::kParameters.begin(), U::kParameters.end()}, Host::kChunk, true),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    set_ranges(*state, args);
    state->updates.resize(group_count());
    return state;
  }

  void run(const KernelArgs& args) const override {
    if (!wanted(args)) {
      return;
    }
    State& state = args.state_as<State>();
    std::vector<U>& updates = state.updates;
    for (std::size_t g = 0; g < updates.size(); ++g) {
      if (is_used(g)) {
        updates[g] = U::make(step_of(args, g), numbers_of(g));
      }
    }
    if constexpr (requires(const U& update) { update.idle(); }) {
      if (std::all_of(updates.begin(), updates.end(), [](const U& u) { return u.idle(); })) {
        return;
      }
    }
    Host::run(threads_, static_cast<std::int64_t>(state.chunks.size()), [&](std::int64_t i) {
      const FlatRange& chunk = state.chunks[static_cast<std::size_t>(i)];
      Host::loop(updates[static_cast<std::size_t>(chunk.group)], slice_of<T>(chunk));
      write_copy<T>(chunk);
    });
  }

 private:
  struct State final : BoundUpdate {
    std::vector<U> updates;
  };

  int threads_;
};

// A reduction over each tensor, then one pass: see trust_ratio.h. Host also gives measure(update,
// slice).
template <class U, class T, class Host>
class TensorUpdateKernel final : public UpdateKernel {
 public:
  explicit TensorUpdateKernel(const OpQuery& query)
      : UpdateKernel(query, {U::kParameters.begin(), U::kParameters.end()}, Host::kChunk, false),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    set_ranges(*state, args);
    state->groups.resize(group_count());
    state->tensors.resize(tensor_count());
    state->sums.resize(state->chunks.size());
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      state->tensor_of.resize(state->chunk_begin[i + 1], i);
    }
    return state;
  }

  void run(const KernelArgs& args) const override {
    if (!wanted(args)) {
      return;
    }
    State& state = args.state_as<State>();
    for (std::size_t g = 0; g < state.groups.size(); ++g) {
      state.groups[g] = U::make(step_of(args, g), numbers_of(g));
    }
    const auto count = static_cast<std::int64_t>(state.chunks.size());
    Host::run(threads_, count, [&](std::int64_t i) {
      const FlatRange& chunk = state.chunks[static_cast<std::size_t>(i)];
      state.sums[static_cast<std::size_t>(i)] =
          Host::measure(state.groups[static_cast<std::size_t>(chunk.group)], slice_of<T>(chunk));
    });
    join_sums(state);
    Host::run(threads_, count, [&](std::int64_t i) {
      const auto c = static_cast<std::size_t>(i);
      Host::loop(state.tensors[state.tensor_of[c]], slice_of<T>(state.chunks[c]));
      write_copy<T>(state.chunks[c]);
    });
  }

 private:
  struct State final : BoundUpdate {
    std::vector<U> groups, tensors;
    std::vector<UpdateSums> sums;
    std::vector<std::size_t> tensor_of;
  };

  void join_sums(State& state) const {
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      const std::size_t begin = state.chunk_begin[i], end = state.chunk_begin[i + 1];
      if (begin == end) {
        continue;  // an empty tensor
      }
      UpdateSums total;
      for (std::size_t c = begin; c < end; ++c) {
        total.first += state.sums[c].first;
        total.second += state.sums[c].second;
        total.count += state.sums[c].count;
      }
      state.tensors[i] =
          state.groups[static_cast<std::size_t>(state.chunks[begin].group)].with(total);
    }
  }

  int threads_;
};

// The kernel of the first form whose states are the node's.
template <class Host, class T, template <class> class First, template <class> class... Rest>
std::unique_ptr<Kernel> prepare_update(const OpQuery& query) {
  const std::vector<std::string> states = UpdateLayout::state_names(*query.attrs);
  if (std::equal(states.begin(), states.end(), First<T>::kStates.begin(),
                 First<T>::kStates.end())) {
    if constexpr (requires { &First<T>::measure; }) {
      return std::make_unique<TensorUpdateKernel<First<T>, T, Host>>(query);
    } else {
      return std::make_unique<FlatUpdateKernel<First<T>, T, Host>>(query);
    }
  }
  if constexpr (sizeof...(Rest) > 0) {
    return prepare_update<Host, T, Rest...>(query);
  } else {
    return nullptr;
  }
}

}  // namespace temper
