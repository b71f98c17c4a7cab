// Gather, GatherElements, GatherND, GatherGrad, ScatterElements, Scatter, ScatterND, Compress and
// Unique.
#include "backends/cuda/kernels/indexed.h"

#include <array>
#include <string>

#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"
#include "backends/host/gathered_rows.h"

namespace temper::cuda {
namespace {

// Fills the places of a query in `data`; false where it has too many axes.
using SetPlaces = bool (*)(const OpQuery&, const Shape& data, IndexedPlaces&);

bool is_wide(const OpQuery& query) { return query.inputs[1].dtype == DType::kInt64; }

// Rows along an axis.
bool set_rows(IndexedPlaces& places, std::int64_t outer, std::int64_t dim, std::int64_t inner,
              std::int64_t picks) {
  places.period = picks;
  places.dims[0] = dim;
  places.steps[0] = 1;
  places.inner = inner;
  places.runs = outer * dim;
  return set_axes(places.base, {{outer, {dim}}, {picks, {0}}});
}

bool row_places(const OpQuery& query, const Shape& data, IndexedPlaces& places) {
  const GatheredRows rows(query, data);
  places.wide = is_wide(query);
  return set_rows(places, rows.outer, rows.dim, rows.inner, rows.picks);
}

// An index per element.
bool element_places(const OpQuery& query, const Shape& data, IndexedPlaces& places) {
  const Shape& indices = query.inputs[1].shape;
  const Shape strides = row_major_strides(data);
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  places.wide = is_wide(query);
  places.period = indices.element_count();
  places.dims[0] = data[axis];
  places.steps[0] = strides[axis];
  places.runs = data.element_count();
  std::vector<WalkAxis> axes;
  for (int a = 0; a < indices.rank(); ++a) {
    axes.push_back({indices[a], {a == axis ? 0 : strides[a]}});
  }
  return set_axes(places.base, axes);
}

// The last axis of the indices is a tuple of places.
bool tuple_places(const OpQuery& query, const Shape& data, IndexedPlaces& places) {
  const Shape& indices = query.inputs[1].shape;
  const int last = indices.rank() - 1;
  const int batch_dims = static_cast<int>(query.attrs->get_int("batch_dims", 0));
  places.tuple = static_cast<int>(indices[last]);
  if (places.tuple > kMaxAxes) {
    return false;
  }
  places.wide = is_wide(query);
  places.inner = data.count(batch_dims + places.tuple, data.rank());
  places.runs = data.count(0, batch_dims + places.tuple);
  std::int64_t step = 1;
  for (int k = places.tuple - 1; k >= 0; --k) {
    places.dims[k] = data[batch_dims + k];
    places.steps[k] = step;
    step *= data[batch_dims + k];
  }
  const std::int64_t batches = data.count(0, batch_dims), tuples = indices.count(batch_dims, last);
  places.period = batches * tuples;
  return set_axes(places.base, {{batches, {step}}, {tuples, {0}}});
}

Support too_many_axes() {
  return Support::no(concat("more than ", kMaxAxes, " axes that cannot be joined"));
}

Support supports_gather(const OpQuery& query, SetPlaces set) {
  IndexedPlaces places;
  return set(query, query.inputs[0].shape, places) ? Support::yes() : too_many_axes();
}

std::unique_ptr<Kernel> prepare_gather(const OpQuery& query, SetPlaces set) {
  IndexedPlaces places;
  set(query, query.inputs[0].shape, places);
  const DType dtype = query.inputs[0].dtype;
  return make_kernel(
      [places, bytes = size_of(dtype), missing = bits_of_missing(dtype)](const KernelArgs& args) {
        IndexedPlaces now = places;
        now.indices = args.inputs[1];
        now.fault = fault_of(args);
        gather_runs(now, bytes, missing, args.inputs[0], args.outputs[0], handle_of(args.stream));
      });
}

Fold fold_of(const OpQuery& query) {
  const std::string reduction = query.attrs->get_string("reduction", "none");
  return reduction == "add"   ? Fold::kAdd
         : reduction == "mul" ? Fold::kMul
         : reduction == "max" ? Fold::kMax
         : reduction == "min" ? Fold::kMin
                              : Fold::kPut;
}

// Places and updates are numbered by halves of a key.
Support fits_keys(const IndexedPlaces& places) {
  constexpr std::int64_t kLimit = 0xFFFFFFFF;
  return places.runs < kLimit && places.count() < kLimit
             ? Support::yes()
             : Support::no("2^32 places or more to put elements");
}

Support supports_scatter(const OpQuery& query, SetPlaces set) {
  if (!folds(fold_of(query), query.inputs[0].dtype)) {
    return Support::no(concat("no sums, products and extrema of ", query.inputs[0].dtype));
  }
  IndexedPlaces places;
  return set(query, query.inputs[0].shape, places) ? fits_keys(places) : too_many_axes();
}

std::unique_ptr<Kernel> prepare_scatter(const OpQuery& query, SetPlaces set) {
  IndexedPlaces places;
  set(query, query.inputs[0].shape, places);
  const DType dtype = query.inputs[0].dtype;
  const Fold fold = fold_of(query);
  auto kernel = make_kernel(
      [=, whole = static_cast<std::size_t>(query.inputs[0].bytes())](const KernelArgs& args) {
        const StreamHandle stream = handle_of(args.stream);
        if (args.inputs[0] != args.outputs[0] && whole > 0) {
          copy_within(args.outputs[0], args.inputs[0], whole, stream);
        }
        IndexedPlaces now = places;
        now.indices = args.inputs[1];
        now.fault = fault_of(args);
        if (fold == Fold::kPut) {
          put_runs(now, size_of(dtype), args.inputs[2], args.outputs[0], args.workspace, stream);
        } else {
          fold_runs(now, fold, dtype, args.inputs[2], args.outputs[0], args.workspace, stream);
        }
      });
  kernel->inplace = {{0, 0}};
  kernel->workspace_bytes = fold == Fold::kPut ? put_bytes(places) : fold_bytes(places);
  return kernel;
}

Support supports_gather_grad(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  if (!is_float(dtype)) {
    return Support::no(concat("no ", dtype));
  }
  IndexedPlaces places;
  return row_places(query, query.outputs[0].shape, places) ? fits_keys(places) : too_many_axes();
}

// dx = zeros, dx[indices] += dy
std::unique_ptr<Kernel> prepare_gather_grad(const OpQuery& query) {
  IndexedPlaces places;
  row_places(query, query.outputs[0].shape, places);
  auto kernel = make_kernel(
      [places, dtype = query.inputs[0].dtype,
       whole = static_cast<std::size_t>(query.outputs[0].bytes())](const KernelArgs& args) {
        const StreamHandle stream = handle_of(args.stream);
        if (whole > 0) {
          fill_zero(args.outputs[0], whole, stream);
        }
        IndexedPlaces now = places;
        now.indices = args.inputs[1];
        now.fault = fault_of(args);
        fold_runs(now, Fold::kAdd, dtype, args.inputs[0], args.outputs[0], args.workspace, stream);
      });
  kernel->workspace_bytes = fold_bytes(places);
  kernel->description = "sorted sums";
  return kernel;
}

// Slices along an axis, or of all elements, at the places of a list: output 0; the lists of others
// are outputs themselves.
class ListedSlices final : public Kernel {
 public:
  ListedSlices(const OpQuery& query, std::string_view picks,
               std::initializer_list<std::string_view> lists)
      : bytes_(size_of(query.inputs[0].dtype)) {
    lists_.push_back(query.attrs->get_ints(picks));
    for (const std::string_view list : lists) {
      lists_.push_back(query.attrs->get_ints(list));
    }
    for (const auto& list : lists_) {
      kept_bytes += list.size() * sizeof(std::int64_t);
    }
    const Shape shape = query.attrs->has("axis") ? query.inputs[0].shape
                                                 : Shape{query.inputs[0].shape.element_count()};
    const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
    set_rows(places_, shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank()),
             static_cast<std::int64_t>(lists_[0].size()));
    for (const TensorSpec& output : query.outputs) {
      wanted_.push_back(output.present());
    }
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    for (const auto& list : lists_) {
      state->lists.emplace_back(list, handle_of(args.stream));
    }
    return state;
  }

  void run(const KernelArgs& args) const override {
    const State& state = args.state_as<State>();
    const StreamHandle stream = handle_of(args.stream);
    if (wanted_[0]) {
      IndexedPlaces now = places_;
      now.indices = state.lists[0].address();
      gather_runs(now, bytes_, 0, args.inputs[0], args.outputs[0], stream);
    }
    for (std::size_t i = 1; i < wanted_.size() && i < lists_.size() + 1; ++i) {
      // Output i of Unique is list i - 1, the first of which are the slices' places.
      if (wanted_[i] && !lists_[i - 1].empty()) {
        copy_within(args.outputs[i], state.lists[i - 1].address(),
                    lists_[i - 1].size() * sizeof(std::int64_t), stream);
      }
    }
  }

 private:
  struct State final : KernelState {
    std::vector<DeviceArray<std::int64_t>> lists;
  };

  std::size_t bytes_;
  std::vector<std::vector<std::int64_t>> lists_;
  std::vector<bool> wanted_;
  IndexedPlaces places_;
};

template <SetPlaces kSet>
void add_gather(KernelTable& table, std::string_view op) {
  add_row(
      table, op, [](const OpQuery& query) { return supports_gather(query, kSet); },
      [](const OpQuery& query) { return prepare_gather(query, kSet); });
}

template <SetPlaces kSet>
void add_scatter(KernelTable& table, std::string_view op) {
  add_row(
      table, op, [](const OpQuery& query) { return supports_scatter(query, kSet); },
      [](const OpQuery& query) { return prepare_scatter(query, kSet); });
}

}  // namespace

void register_indexed(KernelTable& table) {
  add_gather<row_places>(table, "Gather");
  add_gather<element_places>(table, "GatherElements");
  add_gather<tuple_places>(table, "GatherND");
  add_row(table, "GatherGrad", supports_gather_grad, prepare_gather_grad);
  add_scatter<element_places>(table, "ScatterElements");
  add_scatter<element_places>(table, "Scatter");
  add_scatter<tuple_places>(table, "ScatterND");
  add_row(table, "Compress", {}, [](const OpQuery& query) {
    return std::make_unique<ListedSlices>(query, "picks",
                                          std::initializer_list<std::string_view>{});
  });
  add_row(table, "Unique", {}, [](const OpQuery& query) {
    return std::make_unique<ListedSlices>(
        query, "indices", std::initializer_list<std::string_view>{"inverse", "counts"});
  });
}

}  // namespace temper::cuda
