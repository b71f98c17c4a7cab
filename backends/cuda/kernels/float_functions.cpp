// Rounding, circular and hyperbolic functions, activations without a functor, Mod and PRelu of
// floats, IsNaN and IsInf.
#include "backends/cuda/kernels/float_functions.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

bool is_double(const OpQuery& query) { return query.inputs[0].dtype == DType::kFloat64; }

Support wide_float(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 ? Support::yes()
                                                              : Support::no(concat("no ", dtype));
}

// The parameters of a function: attributes, where it has some.
struct Parameter {
  const char* name = nullptr;
  double fallback = 0;

  double read(const Attrs& attrs) const {
    return name == nullptr ? 0 : attrs.get_double(name, fallback);
  }
};

void add_function(KernelTable& table, std::string_view op, FloatFunction function, Parameter p = {},
                  Parameter q = {}) {
  add_row(table, op, wide_float, [=](const OpQuery& query) {
    const FunctionCall call{function, p.read(*query.attrs), q.read(*query.attrs)};
    auto kernel = make_kernel([call, doubles = is_double(query),
                               count =
                                   query.inputs[0].shape.element_count()](const KernelArgs& args) {
      float_function(call, doubles, args.inputs[0], args.outputs[0], count, handle_of(args.stream));
    });
    kernel->inplace.emplace_back(0, 0);
    return kernel;
  });
}

std::unique_ptr<Kernel> prepare_test(const OpQuery& query, FloatTest test) {
  return make_kernel([test, doubles = is_double(query),
                      count = query.inputs[0].shape.element_count()](const KernelArgs& args) {
    float_test(test, doubles, args.inputs[0], output<bool>(args, 0), count, handle_of(args.stream));
  });
}

FloatTest infinity_test(const Attrs& attrs) {
  const bool negative = attrs.get_int("detect_negative", 1) != 0;
  const bool positive = attrs.get_int("detect_positive", 1) != 0;
  return negative && positive ? FloatTest::kIsInf
         : negative           ? FloatTest::kIsNegativeInf
         : positive           ? FloatTest::kIsPositiveInf
                              : FloatTest::kNever;
}

bool set_pair(const OpQuery& query, Places<2>& places) {
  return set_axes(places, broadcast_axes(query.outputs[0].shape,
                                         {query.inputs[0].shape, query.inputs[1].shape}));
}

Support supports_pair(const OpQuery& query) {
  Places<2> places;
  const Support types = wide_float(query);
  return !types.ok                 ? types
         : set_pair(query, places) ? Support::yes()
                                   : Support::no("too many axes that cannot be joined");
}

void add_pair(KernelTable& table, std::string_view op, FloatPair (*pair_of)(const Attrs&)) {
  add_row(table, op, supports_pair, [pair_of](const OpQuery& query) {
    Places<2> places;
    set_pair(query, places);
    return make_kernel(
        [places, pair = pair_of(*query.attrs), doubles = is_double(query)](const KernelArgs& args) {
          float_pair(pair, doubles, places, args.inputs[0], args.inputs[1], args.outputs[0],
                     handle_of(args.stream));
        });
  });
}

}  // namespace

void register_float_functions(KernelTable& table) {
  add_function(table, "Sin", FloatFunction::kSin);
  add_function(table, "Cos", FloatFunction::kCos);
  add_function(table, "Tan", FloatFunction::kTan);
  add_function(table, "Asin", FloatFunction::kAsin);
  add_function(table, "Acos", FloatFunction::kAcos);
  add_function(table, "Atan", FloatFunction::kAtan);
  add_function(table, "Sinh", FloatFunction::kSinh);
  add_function(table, "Cosh", FloatFunction::kCosh);
  add_function(table, "Asinh", FloatFunction::kAsinh);
  add_function(table, "Acosh", FloatFunction::kAcosh);
  add_function(table, "Atanh", FloatFunction::kAtanh);
  add_function(table, "Floor", FloatFunction::kFloor);
  add_function(table, "Ceil", FloatFunction::kCeil);
  add_function(table, "Round", FloatFunction::kRound);
  add_function(table, "Softsign", FloatFunction::kSoftsign);
  add_function(table, "ThresholdedRelu", FloatFunction::kThresholdedRelu, {"alpha", 1});
  add_function(table, "Shrink", FloatFunction::kShrink, {"lambd", 0.5}, {"bias", 0});
  add_row(table, "IsNaN", wide_float,
          [](const OpQuery& query) { return prepare_test(query, FloatTest::kIsNan); });
  add_row(table, "IsInf", wide_float,
          [](const OpQuery& query) { return prepare_test(query, infinity_test(*query.attrs)); });
  add_pair(table, "PRelu", [](const Attrs&) { return FloatPair::kPRelu; });
  add_pair(table, "Mod", [](const Attrs& attrs) {
    return attrs.get_int("fmod", 0) != 0 ? FloatPair::kTruncatedMod : FloatPair::kFlooredMod;
  });
}

}  // namespace temper::cuda
