// Dropout, DropoutTrain, PhiloxRandom, RandomNormal, RandomUniform and their Like forms, Bernoulli,
// Multinomial. An element's word does not depend on the layout.
#include "backends/cuda/kernels/random.h"

#include <cstring>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/walks.h"
#include "backends/host/cast_element.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

RandomDraw draw_of(const OpQuery& query, std::int64_t per_sample, std::int64_t count) {
  const Attrs& attrs = *query.attrs;
  return {PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                       static_cast<std::uint64_t>(attrs.get_int("random_id", 0))),
          static_cast<std::uint64_t>(per_sample), count, nullptr};
}

// A tensor whose shape the file fixes, one without a position, counts as one sample.
RandomDraw draw_of_output(const OpQuery& query, bool by_sample) {
  const Shape& y = query.outputs[0].shape;
  return draw_of(query, by_sample && y.rank() > 0 ? y.count(1, y.rank()) : y.element_count(),
                 y.element_count());
}

// `position` is the number of the input that has it.
RandomDraw at_position(RandomDraw draw, const OptionalTensors& there, const KernelArgs& args,
                       std::size_t position) {
  draw.position = there.input<std::int64_t>(args, position);
  return draw;
}

// The query without the input with the position, and output `other`.
OpQuery floats_of(const OpQuery& query, std::size_t position, std::size_t other) {
  OpQuery floats = query;
  if (position < floats.inputs.size()) {
    floats.inputs[position] = {};
  }
  if (other < floats.outputs.size()) {
    floats.outputs[other] = {};
  }
  return floats;
}

// ---------------------------------------------------------------- Dropout

Support supports_identity(const OpQuery& query) {
  if (query.attrs->get_int("training_mode", 0) != 0 && query.attrs->get_double("ratio", 0.5) != 0) {
    return Support::no("training_mode=1 must be turned into DropoutTrain");
  }
  return Support::yes();
}

// y and the mask lie as x does.
void set_dropout_layouts(Kernel& kernel, const OpQuery& query) {
  const Layout layout = is_channels_last(query.inputs[0]) ? query.inputs[0].layout : Layout{};
  kernel.input_layouts.resize(query.inputs.size());
  kernel.input_layouts[0] = layout;
  kernel.output_layouts.assign(query.outputs.size(), layout);
}

std::unique_ptr<Kernel> prepare_identity(const OpQuery& query) {
  const std::int64_t elements = query.inputs[0].shape.element_count();
  const std::size_t bytes = static_cast<std::size_t>(elements) * size_of(query.inputs[0].dtype);
  auto kernel =
      make_kernel([elements, bytes, there = OptionalTensors(query)](const KernelArgs& args) {
        const StreamHandle stream = handle_of(args.stream);
        auto* y = there.output<unsigned char>(args, 0);
        if (y != nullptr && y != args.inputs[0] && bytes > 0) {
          copy_within(y, args.inputs[0], bytes, stream);
        }
        if (auto* mask = there.output<bool>(args, 1)) {
          fill_elements(sizeof(bool), 1, mask, elements, stream);
        }
      });
  kernel->inplace = {{0, 0}};
  set_dropout_layouts(*kernel, query);
  return kernel;
}

// A walk through memory that finds the logical number of each element; of no rank where that is
// the element's place.
Places<1> numbers_in_memory(const TensorSpec& x) {
  Places<1> order;
  if (is_channels_last(x)) {
    const Shape numbers = row_major_strides(x.shape);
    std::vector<WalkAxis> axes;
    for (int axis = 0; axis < x.shape.rank(); ++axis) {
      axes.push_back({x.shape[axis], {numbers[axis]}});
    }
    const bool fits = set_axes(order, in_order_of(x, std::move(axes)));
    TEMPER_ASSERT(fits, "channels last are three axes at most");
  }
  return order;
}

std::unique_ptr<Kernel> prepare_dropout(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const double ratio = query.attrs->get_double("ratio", 0.5);
  const auto scale = static_cast<float>(ratio < 1 ? 1.0 / (1.0 - ratio) : 0.0);
  const RandomDraw draw =
      draw_of(query, x.rank() == 0 ? 1 : x.count(1, x.rank()), x.element_count());
  auto kernel = make_kernel([draw, order = numbers_in_memory(query.inputs[0]), ratio, scale,
                             dtype = query.inputs[0].dtype,
                             there = OptionalTensors(query)](const KernelArgs& args) {
    draw_dropout(at_position(draw, there, args, 1), order, ratio, scale, dtype, args.inputs[0],
                 there.output<void>(args, 0), there.output<bool>(args, 1), handle_of(args.stream));
  });
  kernel->inplace = {{0, 0}};
  set_dropout_layouts(*kernel, query);
  return kernel;
}

// ---------------------------------------------------------------- numbers

std::unique_ptr<Kernel> prepare_philox(const OpQuery& query) {
  const Shape& y = query.outputs[0].shape;
  const RandomDraw draw = draw_of(query, y.count(1, y.rank()), y.element_count());
  const bool normal = query.attrs->get_string("distribution", "normal") == "normal";
  return make_kernel([draw, normal, there = OptionalTensors(query)](const KernelArgs& args) {
    draw_floats(at_position(draw, there, args, 0), normal, 0, 1, output<float>(args, 0),
                handle_of(args.stream));
  });
}

template <std::size_t kPositionInput>
std::unique_ptr<Kernel> prepare_floats(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const bool normal = query.op.starts_with("RandomNormal");
  const double low = attrs.get_double(normal ? "mean" : "low", 0);
  const double width = normal ? attrs.get_double("scale", 1) : attrs.get_double("high", 1) - low;
  const RandomDraw draw = draw_of_output(query, kPositionInput > 0);
  return make_kernel(
      [draw, normal, low, width, there = OptionalTensors(query)](const KernelArgs& args) {
        draw_floats(at_position(draw, there, args, kPositionInput), normal, low, width,
                    output<float>(args, 0), handle_of(args.stream));
      });
}

std::unique_ptr<Kernel> prepare_bernoulli(const OpQuery& query) {
  const DType dtype = query.outputs[0].dtype;
  std::uint64_t one = 0;
  visit_any(dtype, [&]<class T>() {
    const T value = convert_element<T>(1.0F);
    std::memcpy(&one, &value, sizeof(T));
  });
  return make_kernel([draw = draw_of_output(query, true), bytes = size_of(dtype), one,
                      there = OptionalTensors(query)](const KernelArgs& args) {
    draw_bernoulli(at_position(draw, there, args, 1), input<float>(args, 0), bytes, one,
                   args.outputs[0], handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_multinomial(const OpQuery& query) {
  return make_kernel([draw = draw_of_output(query, true), classes = query.inputs[0].shape[1],
                      samples = query.outputs[0].shape[1],
                      narrow = query.outputs[0].dtype == DType::kInt32,
                      there = OptionalTensors(query)](const KernelArgs& args) {
    draw_classes(at_position(draw, there, args, 1), input<float>(args, 0), classes, samples, narrow,
                 args.outputs[0], handle_of(args.stream));
  });
}

Support draws_f32(const OpQuery& query) {
  const DType dtype = query.outputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

}  // namespace

void register_random(KernelTable& table) {
  const auto mask_aside = [](const OpQuery& query) {
    return one_float_type(floats_of(query, 1, 1));
  };
  const auto result_aside = [](const OpQuery& query) { return only_f32(floats_of(query, 1, 0)); };
  add_row(table, "Dropout", supports_identity, prepare_identity);
  add_row(table, "DropoutTrain", mask_aside, prepare_dropout);
  add_row(table, "PhiloxRandom", draws_f32, prepare_philox);
  add_row(table, "RandomNormal", draws_f32, prepare_floats<0>);
  add_row(table, "RandomUniform", draws_f32, prepare_floats<0>);
  add_row(table, "RandomNormalLike", draws_f32, prepare_floats<1>);
  add_row(table, "RandomUniformLike", draws_f32, prepare_floats<1>);
  add_row(table, "Bernoulli", result_aside, prepare_bernoulli);
  add_row(table, "Multinomial", result_aside, prepare_multinomial);
}

}  // namespace temper::cuda
