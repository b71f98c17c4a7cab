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

namespace temper {

inline constexpr std::size_t kUpdateScalars = 4;  // ok, rates, step, scale

// The states a node names: "exp_avg", "exp_avg_sq".
std::vector<std::string> update_states(const Attrs& attrs);

// "No" unless all tensors are f32, or (with `also_double`) all are f64.
Support supports_update(const OpQuery& query, bool also_double);

class UpdateKernel : public Kernel {
 public:
  // `parameters`: the attributes the arithmetic reads, one number per group each. `merge`: join
  // tensors that follow each other.
  UpdateKernel(const OpQuery& query, std::vector<std::string> parameters, std::int64_t chunk,
               bool merge);

  void bind(const KernelArgs& args) override;

 protected:
  // False: this step must write nothing.
  static bool wanted(const KernelArgs& args) { return *static_cast<const bool*>(args.inputs[0]); }

  // A group here is a group of the node in one phase: parameters with the same step.
  std::size_t group_count() const { return groups_ * phases_; }
  // False: no parameter is in it, and it must not be touched.
  bool is_used(std::size_t group) const { return used_[group]; }
  UpdateStep step_of(const KernelArgs& args, std::size_t group) const;
  // The group's numbers, in the order of `parameters`.
  const double* numbers_of(std::size_t group) const {
    return numbers_.data() + group / phases_ * parameter_count_;
  }
  const std::vector<FlatRange>& chunks() const { return chunks_; }
  std::int64_t total_elements() const { return total_; }
  std::size_t tensor_count() const { return count_; }
  // Without merging: the chunks of tensor i are those from chunk_begin(i) to chunk_begin(i + 1).
  std::size_t chunk_begin(std::size_t tensor) const { return chunk_begin_[tensor]; }

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

  std::size_t states_ = 0, count_ = 0, groups_ = 1, phases_ = 1, parameter_count_ = 0,
              memory_input_ = 0;
  std::size_t element_bytes_ = 0;
  std::int64_t rate_slots_ = 1, chunk_ = 0, total_ = 0;
  DType scale_type_;
  bool merge_, over_padding_ = true;
  std::vector<bool> used_;
  std::vector<std::int64_t> group_of_, elements_;
  std::vector<double> numbers_, sign_, rate_factor_;
  std::vector<FlatRange> chunks_;
  std::vector<std::size_t> chunk_begin_;
};

// One pass over the flat buffers. Host gives run(threads, count, f), which calls f(i) for each i,
// loop(update, slice), kChunk and kMerge.
template <class U, class T, class Host>
class FlatUpdateKernel final : public UpdateKernel {
 public:
  explicit FlatUpdateKernel(const OpQuery& query)
      : UpdateKernel(query, {U::kParameters.begin(), U::kParameters.end()}, Host::kChunk, true),
        updates_(group_count()),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
  }

  void run(const KernelArgs& args) override {
    if (!wanted(args)) {
      return;
    }
    for (std::size_t g = 0; g < updates_.size(); ++g) {
      if (is_used(g)) {
        updates_[g] = U::make(step_of(args, g), numbers_of(g));
      }
    }
    if constexpr (requires(const U& update) { update.idle(); }) {
      if (std::all_of(updates_.begin(), updates_.end(), [](const U& u) { return u.idle(); })) {
        return;
      }
    }
    Host::run(threads_, static_cast<std::int64_t>(chunks().size()), [this](std::int64_t i) {
      const FlatRange& chunk = chunks()[static_cast<std::size_t>(i)];
      Host::loop(updates_[static_cast<std::size_t>(chunk.group)], slice_of<T>(chunk));
    });
  }

 private:
  std::vector<U> updates_;
  int threads_;
};

// A reduction over each tensor, then one pass: see trust_ratio.h. Host also gives measure(update,
// slice).
template <class U, class T, class Host>
class TensorUpdateKernel final : public UpdateKernel {
 public:
  explicit TensorUpdateKernel(const OpQuery& query)
      : UpdateKernel(query, {U::kParameters.begin(), U::kParameters.end()}, Host::kChunk, false),
        groups_(group_count()),
        tensors_(tensor_count()),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
  }

  void bind(const KernelArgs& args) override {
    UpdateKernel::bind(args);
    sums_.resize(chunks().size());
    tensor_of_.clear();
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      tensor_of_.resize(chunk_begin(i + 1), i);
    }
  }

  void run(const KernelArgs& args) override {
    if (!wanted(args)) {
      return;
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      groups_[g] = U::make(step_of(args, g), numbers_of(g));
    }
    const auto count = static_cast<std::int64_t>(chunks().size());
    Host::run(threads_, count, [this](std::int64_t i) {
      const FlatRange& chunk = chunks()[static_cast<std::size_t>(i)];
      sums_[static_cast<std::size_t>(i)] =
          Host::measure(groups_[static_cast<std::size_t>(chunk.group)], slice_of<T>(chunk));
    });
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      if (chunk_begin(i) == chunk_begin(i + 1)) {
        continue;  // an empty tensor
      }
      UpdateSums total;
      for (std::size_t c = chunk_begin(i); c < chunk_begin(i + 1); ++c) {
        total.first += sums_[c].first;
        total.second += sums_[c].second;
        total.count += sums_[c].count;
      }
      tensors_[i] = groups_[static_cast<std::size_t>(chunks()[chunk_begin(i)].group)].with(total);
    }
    Host::run(threads_, count, [this](std::int64_t i) {
      const auto c = static_cast<std::size_t>(i);
      Host::loop(tensors_[tensor_of_[c]], slice_of<T>(chunks()[c]));
    });
  }

 private:
  std::vector<U> groups_, tensors_;
  std::vector<UpdateSums> sums_;
  std::vector<std::size_t> tensor_of_;
  int threads_;
};

// The kernel of the first form whose states are the node's.
template <class Host, class T, template <class> class First, template <class> class... Rest>
std::unique_ptr<Kernel> prepare_update(const OpQuery& query) {
  const std::vector<std::string> states = update_states(*query.attrs);
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
