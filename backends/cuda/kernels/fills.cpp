// Tensors that come from few numbers: Shape, Size, NonZero and NonMaxSuppression (whose answer
// stands in an attribute), ConstantOfShape, Range, EyeLike, OneHot, Hardmax, Trilu.
#include "backends/cuda/kernels/fills.h"

#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/arg_max.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/host/cast_element.h"
#include "runtime/base/narrow_types.h"

namespace temper::cuda {
namespace {

// The attribute `value` as i64.
class Listed final : public Kernel {
 public:
  explicit Listed(const OpQuery& query) : values_(query.attrs->get_ints("value")) {
    kept_bytes = values_.size() * sizeof(std::int64_t);
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    state->values = DeviceArray<std::int64_t>(values_, handle_of(args.stream));
    return state;
  }

  void run(const KernelArgs& args) const override {
    if (!values_.empty()) {
      copy_within(args.outputs[0], args.state_as<State>().values.address(),
                  values_.size() * sizeof(std::int64_t), handle_of(args.stream));
    }
  }

 private:
  struct State final : KernelState {
    DeviceArray<std::int64_t> values;
  };

  std::vector<std::int64_t> values_;
};

std::uint64_t fill_of(const OpQuery& query) {
  const DType dtype = query.outputs[0].dtype;
  const double value = query.attrs->get_double("value", 0);
  if (is_narrow(dtype)) {
    return narrow_code(dtype, value);
  }
  const AttrValue* given = query.attrs->find("value");
  const auto* integer = given == nullptr ? nullptr : std::get_if<std::int64_t>(given);
  return visit_any(dtype, [&]<class T>() {
    return bits_of(integer != nullptr ? cast_element<T>(*integer) : cast_element<T>(value));
  });
}

std::unique_ptr<Kernel> prepare_constant(const OpQuery& query) {
  const TensorSpec& y = query.outputs[0];
  return make_kernel([bits = fill_of(query), bytes = size_of(y.dtype),
                      count = y.shape.element_count()](const KernelArgs& args) {
    fill_elements(bytes, bits, args.outputs[0], count, handle_of(args.stream));
  });
}

Support supports_range(const OpQuery& query) {
  const DType dtype = query.outputs[0].dtype;
  return counts(dtype) ? Support::yes() : Support::no(concat("no ", dtype));
}

std::unique_ptr<Kernel> prepare_range(const OpQuery& query) {
  const TensorSpec& y = query.outputs[0];
  return make_kernel([dtype = y.dtype, count = y.shape.element_count()](const KernelArgs& args) {
    count_up(dtype, args.inputs[0], args.inputs[2], args.outputs[0], count, handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_eye(const OpQuery& query) {
  const TensorSpec& y = query.outputs[0];
  const Triangle diagonal{y.shape[0], y.shape[1], query.attrs->get_int("k", 0)};
  const std::uint64_t one =
      visit_any(y.dtype, []<class T>() { return bits_of(cast_element<T>(1.0f)); });
  return make_kernel([diagonal, one, bytes = size_of(y.dtype)](const KernelArgs& args) {
    fill_diagonal(diagonal, bytes, one, args.outputs[0], handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_trilu(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const Triangle triangle{shape[shape.rank() - 2], shape[shape.rank() - 1],
                          query.attrs->get_ints("k").front(),
                          query.attrs->get_int("upper", 1) != 0};
  auto kernel = make_kernel([triangle, bytes = size_of(query.inputs[0].dtype),
                             count = shape.element_count()](const KernelArgs& args) {
    keep_triangle(triangle, bytes, args.inputs[0], args.outputs[0], count, handle_of(args.stream));
  });
  kernel->inplace = {{0, 0}};
  return kernel;
}

Support supports_one_hot(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return names_places(dtype) ? Support::yes() : Support::no(concat("no indices of ", dtype));
}

std::unique_ptr<Kernel> prepare_one_hot(const OpQuery& query) {
  const Shape& indices = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const AxisRows rows{indices.count(0, axis), query.attrs->get_int("depth", 0),
                      indices.count(axis, indices.rank())};
  return make_kernel([rows, index_type = query.inputs[0].dtype,
                      bytes = size_of(query.outputs[0].dtype)](const KernelArgs& args) {
    one_hot(rows, index_type, bytes, args.inputs[0], args.inputs[2], args.outputs[0],
            handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_hard_max(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int given = static_cast<int>(query.attrs->get_int("axis", -1));
  const int axis = given < 0 ? given + shape.rank() : given;
  const AxisRows rows{shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
  auto kernel = make_kernel([rows](const KernelArgs& args) {
    auto* places = static_cast<std::int64_t*>(args.workspace);
    const StreamHandle stream = handle_of(args.stream);
    arg_extremum(DType::kFloat32, rows, false, false, args.inputs[0], places, stream);
    hard_max(rows, places, output<float>(args, 0), stream);
  });
  kernel->workspace_bytes = static_cast<std::size_t>(rows.count()) * sizeof(std::int64_t);
  return kernel;
}

std::unique_ptr<Kernel> prepare_listed(const OpQuery& query) {
  return std::make_unique<Listed>(query);
}

}  // namespace

void register_fills(KernelTable& table) {
  for (const char* op : {"Shape", "Size", "NonZero", "NonMaxSuppression"}) {
    add_row(table, op, {}, prepare_listed);
  }
  add_row(table, "ConstantOfShape", {}, prepare_constant);
  add_row(table, "Range", supports_range, prepare_range);
  add_row(table, "EyeLike", {}, prepare_eye);
  add_row(table, "Trilu", {}, prepare_trilu);
  add_row(table, "OneHot", supports_one_hot, prepare_one_hot);
  add_row(table, "Hardmax", only_f32, prepare_hard_max);
}

}  // namespace temper::cuda
