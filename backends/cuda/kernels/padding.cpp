// Pad in the modes edge, reflect and wrap (with a constant: strided_copies.cpp), PadGrad in all
// modes, CenterCropPad.
#include "backends/cuda/kernels/padding.h"

#include <algorithm>

#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/walks.h"
#include "backends/host/pad_axis.h"

namespace temper::cuda {
namespace {

using Table = std::vector<std::int64_t>;

// `run` with the tables on the device.
template <class F>
class Tabled final : public Kernel {
 public:
  Tabled(const TabledAxes& axes, Table table, F run)
      : axes_(axes), table_(std::move(table)), run_(std::move(run)) {
    kept_bytes = table_.size() * sizeof(std::int64_t);
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    state->table = DeviceArray<std::int64_t>(table_, handle_of(args.stream));
    return state;
  }

  void run(const KernelArgs& args) const override {
    run_(args, axes_, args.state_as<State>().table.address());
  }

 private:
  struct State final : KernelState {
    DeviceArray<std::int64_t> table;
  };

  TabledAxes axes_;
  Table table_;
  F run_;
};

template <class F>
std::unique_ptr<Kernel> make_tabled(const TabledAxes& axes, Table table, F run) {
  return std::make_unique<Tabled<F>>(axes, std::move(table), std::move(run));
}

Support fits(const Shape& shape) {
  return shape.rank() <= kMaxAxes ? Support::yes()
                                  : Support::no(concat("more than ", kMaxAxes, " axes"));
}

Support supports_pad(const OpQuery& query) {
  return pad_mode_of(*query.attrs) == PadMode::kConstant ? Support::not_concerned()
                                                         : fits(query.inputs[0].shape);
}

TabledAxes axes_of(const Shape& shape) {
  TabledAxes axes;
  axes.rank = shape.rank();
  axes.count = shape.element_count();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    axes.sizes[axis] = shape[axis];
  }
  return axes;
}

std::unique_ptr<Kernel> prepare_pad(const OpQuery& query) {
  const Shape& padded = query.outputs[0].shape;
  const PadAxes maps = pad_axes(*query.attrs, query.inputs[0].shape);
  TabledAxes axes = axes_of(padded);
  Table table;
  for (int axis = 0; axis < padded.rank(); ++axis) {
    axes.tables[axis] = static_cast<std::int64_t>(table.size());
    for (std::int64_t i = 0; i < padded[axis]; ++i) {
      table.push_back(maps[static_cast<std::size_t>(axis)](i));
    }
  }
  return make_tabled(
      axes, std::move(table),
      [bytes = size_of(query.inputs[0].dtype)](const KernelArgs& args, const TabledAxes& walked,
                                               const std::int64_t* tables) {
        copy_tabled(walked, tables, bytes, 0, args.inputs[0], args.outputs[0],
                    handle_of(args.stream));
      });
}

Support supports_pad_grad(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
    return Support::no(concat("no ", dtype));
  }
  return fits(query.inputs[0].shape);
}

// Lists for each coordinate of dx those of dy that show it.
std::unique_ptr<Kernel> prepare_pad_grad(const OpQuery& query) {
  const Shape& padded = query.inputs[0].shape;
  const Shape& inner = query.outputs[0].shape;
  const Shape strides = row_major_strides(padded);
  const PadAxes maps = pad_axes(*query.attrs, inner);
  TabledAxes axes = axes_of(inner);
  Table table;
  for (int axis = 0; axis < inner.rank(); ++axis) {
    std::vector<Table> lists(static_cast<std::size_t>(inner[axis]));
    const PadAxis& map = maps[static_cast<std::size_t>(axis)];
    for (std::int64_t i = 0; i < padded[axis]; ++i) {
      const std::int64_t offset = map(i);
      if (offset >= 0) {
        lists[static_cast<std::size_t>(offset / std::max<std::int64_t>(map.stride, 1))].push_back(
            i * strides[axis]);
      }
    }
    axes.tables[axis] = static_cast<std::int64_t>(table.size());
    auto begin = axes.tables[axis] + inner[axis] + 1;
    for (const Table& list : lists) {
      table.push_back(begin);
      begin += static_cast<std::int64_t>(list.size());
    }
    table.push_back(begin);
    for (const Table& list : lists) {
      table.insert(table.end(), list.begin(), list.end());
    }
  }
  return make_tabled(
      axes, std::move(table),
      [wide = query.inputs[0].dtype == DType::kFloat64](
          const KernelArgs& args, const TabledAxes& walked, const std::int64_t* tables) {
        sum_tabled(walked, tables, wide, args.inputs[0], args.outputs[0], handle_of(args.stream));
      });
}

// What input and output have in common.
bool set_common(const OpQuery& query, Places<2>& places) {
  const Shape& input = query.inputs[0].shape;
  const Shape& output = query.outputs[0].shape;
  const Shape from = row_major_strides(input), to = row_major_strides(output);
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t surplus = input[axis] - output[axis];
    axes.push_back({std::min(input[axis], output[axis]), {from[axis], to[axis]}});
    places.first[0] += std::max<std::int64_t>(surplus, 0) / 2 * from[axis];
    places.first[1] += std::max<std::int64_t>(-surplus, 0) / 2 * to[axis];
  }
  return set_axes(places, axes);
}

Support supports_crop(const OpQuery& query) {
  Places<2> places;
  return set_common(query, places)
             ? Support::yes()
             : Support::no(concat("more than ", kMaxAxes, " axes that cannot be joined"));
}

std::unique_ptr<Kernel> prepare_crop(const OpQuery& query) {
  Places<2> places;
  set_common(query, places);
  return make_kernel(
      [places, bytes = size_of(query.inputs[0].dtype),
       whole = static_cast<std::size_t>(query.outputs[0].bytes())](const KernelArgs& args) {
        const StreamHandle stream = handle_of(args.stream);
        if (whole > 0) {
          fill_zero(args.outputs[0], whole, stream);
        }
        copy_strided(places, bytes, args.inputs[0], args.outputs[0], stream);
      });
}

}  // namespace

void register_padding(KernelTable& table) {
  add_row(table, "Pad", supports_pad, prepare_pad);
  add_row(table, "PadGrad", supports_pad_grad, prepare_pad_grad);
  add_row(table, "CenterCropPad", supports_crop, prepare_crop);
}

}  // namespace temper::cuda
