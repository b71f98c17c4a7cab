// RandomNormal, RandomUniform, their Like forms, Bernoulli and Multinomial. Element e of sample i
// is a function of the stream, the position and e; a tensor whose shape the file fixes counts as
// one sample.
#include <algorithm>
#include <cmath>

#include "backends/common/random_numbers.h"
#include "backends/host/cast_element.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct Draw {
  PhiloxStream stream;
  std::size_t position_input;
  std::uint64_t per_sample;
  std::int64_t count;

  // The stream's place for the first element.
  std::uint64_t first(const KernelArgs& args) const {
    return per_sample * static_cast<std::uint64_t>(
                            *static_cast<const std::int64_t*>(args.inputs[position_input]));
  }
};

Draw draw_of(const OpQuery& query, std::size_t position_input) {
  const Shape& y = query.outputs[0].shape;
  const bool by_sample = position_input > 0 && y.rank() > 0;
  return {PhiloxStream(static_cast<std::uint64_t>(query.attrs->get_int("seed", 0)),
                       static_cast<std::uint64_t>(query.attrs->get_int("random_id", 0))),
          position_input,
          static_cast<std::uint64_t>(by_sample ? y.count(1, y.rank()) : y.element_count()),
          y.element_count()};
}

// A kernel may be run without the input that only training adds.
bool has_position(const OpQuery& query, std::size_t input) {
  return input < query.inputs.size() && query.inputs[input].present();
}

template <std::size_t kPositionInput>
std::unique_ptr<Kernel> prepare_floats(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const bool normal = query.op.starts_with("RandomNormal");
  const double low = attrs.get_double(normal ? "mean" : "low", 0);
  const double width = normal ? attrs.get_double("scale", 1) : attrs.get_double("high", 1) - low;
  const Draw draw = draw_of(query, kPositionInput);
  const bool moves = has_position(query, kPositionInput);
  return visit_float(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const std::uint64_t first = moves ? draw.first(args) : 0;
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < draw.count; ++i) {
        const std::uint64_t at = first + static_cast<std::uint64_t>(i);
        const double drawn = normal ? normal_number(draw.stream, at)
                                    : static_cast<double>(philox_uniform(draw.stream.word(at)));
        y[i] = static_cast<T>(low + width * drawn);
      }
    });
  });
}

std::unique_ptr<Kernel> prepare_bernoulli(const OpQuery& query) {
  const Draw draw = draw_of(query, 1);
  const bool moves = has_position(query, 1);
  return visit_float(query.inputs[0].dtype, [&]<class X>() {
    return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
      return make_kernel([=](const KernelArgs& args) {
        const std::uint64_t first = moves ? draw.first(args) : 0;
        const X* x = static_cast<const X*>(args.inputs[0]);
        T* y = static_cast<T*>(args.outputs[0]);
        for (std::int64_t i = 0; i < draw.count; ++i) {
          const std::uint32_t word = draw.stream.word(first + static_cast<std::uint64_t>(i));
          y[i] = convert_element<T>(philox_uniform(word) < x[i] ? 1.0F : 0.0F);
        }
      });
    });
  });
}

// The number below which the share `drawn` of the probabilities lies.
template <class X>
std::int64_t chosen(const X* x, std::int64_t classes, double drawn) {
  const double most = static_cast<double>(*std::max_element(x, x + classes));
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    sum += std::exp(static_cast<double>(x[k]) - most);
  }
  double below = 0;
  std::int64_t last = 0;  // that can be drawn at all
  for (std::int64_t k = 0; k < classes; ++k) {
    const double share = std::exp(static_cast<double>(x[k]) - most);
    below += share;
    last = share > 0 ? k : last;
    if (drawn * sum < below) {
      return k;
    }
  }
  return last;
}

std::unique_ptr<Kernel> prepare_multinomial(const OpQuery& query) {
  const Draw draw = draw_of(query, 1);
  const bool moves = has_position(query, 1);
  const std::int64_t classes = query.inputs[0].shape[1];
  const std::int64_t samples = query.outputs[0].shape[1];
  const bool narrow = query.outputs[0].dtype == DType::kInt32;
  return visit_float(query.inputs[0].dtype, [&]<class X>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const std::uint64_t first = moves ? draw.first(args) : 0;
      const X* x = static_cast<const X*>(args.inputs[0]);
      for (std::int64_t i = 0; i < draw.count; ++i) {
        const std::uint32_t word = draw.stream.word(first + static_cast<std::uint64_t>(i));
        const std::int64_t k =
            chosen(x + i / samples * classes, classes, static_cast<double>(philox_uniform(word)));
        if (narrow) {
          static_cast<std::int32_t*>(args.outputs[0])[i] = static_cast<std::int32_t>(k);
        } else {
          static_cast<std::int64_t*>(args.outputs[0])[i] = k;
        }
      }
    });
  });
}

Support draws_wide(const OpQuery& query) {
  return is_wide_float(query.outputs[0].dtype)
             ? Support::yes()
             : Support::no("random numbers are drawn in f32 or f64");
}

}  // namespace

void register_random(KernelTable& table) {
  table.add("RandomNormal", "reference", draws_wide, prepare_floats<0>);
  table.add("RandomUniform", "reference", draws_wide, prepare_floats<0>);
  table.add("RandomNormalLike", "reference", draws_wide, prepare_floats<1>);
  table.add("RandomUniformLike", "reference", draws_wide, prepare_floats<1>);
  table.add("Bernoulli", "reference", when_dtype(is_wide_float), prepare_bernoulli);
  table.add("Multinomial", "reference", when_dtype(is_wide_float), prepare_multinomial);
}

}  // namespace temper::reference
