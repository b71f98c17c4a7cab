// Arithmetic and comparisons of integers and f64, Equal of bools, Where of any type: rows behind
// the programs of f32 (elementwise.cpp).
#include "backends/cuda/kernels/numbers.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

constexpr const char* kTooManyAxes = "too many axes that cannot be joined";

Support supports_binary(const OpQuery& query, Functor functor) {
  const DType dtype = query.inputs[0].dtype;
  if (query.inputs.size() != 2 || !computes(functor, dtype) || query.inputs[1].dtype != dtype) {
    return Support::no(concat("no ", dtype));
  }
  Places<2> places;
  const bool fits = set_axes(
      places,
      broadcast_axes(query.outputs[0].shape, {query.inputs[0].shape, query.inputs[1].shape}));
  return fits ? Support::yes() : Support::no(kTooManyAxes);
}

std::unique_ptr<Kernel> prepare_binary(const OpQuery& query, Functor functor) {
  Places<2> places;
  set_axes(places,
           broadcast_axes(query.outputs[0].shape, {query.inputs[0].shape, query.inputs[1].shape}));
  return make_kernel([places, functor, dtype = query.inputs[0].dtype](const KernelArgs& args) {
    run_binary(functor, dtype, places, args.inputs[0], args.inputs[1], args.outputs[0],
               handle_of(args.stream));
  });
}

void add_binary(KernelTable& table, std::string_view op, Functor functor) {
  add_row(
      table, op, [functor](const OpQuery& query) { return supports_binary(query, functor); },
      [functor](const OpQuery& query) { return prepare_binary(query, functor); });
}

void add_unary(KernelTable& table, std::string_view op, Functor functor) {
  add_row(
      table, op,
      [functor](const OpQuery& query) {
        return computes(functor, query.inputs[0].dtype)
                   ? Support::yes()
                   : Support::no(concat("no ", query.inputs[0].dtype));
      },
      [functor](const OpQuery& query) {
        return make_kernel([functor, dtype = query.inputs[0].dtype,
                            count = query.inputs[0].shape.element_count()](const KernelArgs& args) {
          run_unary(functor, dtype, args.inputs[0], args.outputs[0], count, handle_of(args.stream));
        });
      });
}

bool set_choice(const OpQuery& query, Places<3>& places) {
  return set_axes(
      places, broadcast_axes(query.outputs[0].shape, {query.inputs[0].shape, query.inputs[1].shape,
                                                      query.inputs[2].shape}));
}

Support supports_where(const OpQuery& query) {
  Places<3> places;
  return set_choice(query, places) ? Support::yes() : Support::no(kTooManyAxes);
}

std::unique_ptr<Kernel> prepare_where(const OpQuery& query) {
  Places<3> places;
  set_choice(query, places);
  return make_kernel([places, bytes = size_of(query.outputs[0].dtype)](const KernelArgs& args) {
    choose(places, bytes, input<bool>(args, 0), args.inputs[1], args.inputs[2], args.outputs[0],
           handle_of(args.stream));
  });
}

}  // namespace

void register_numbers(KernelTable& table) {
  add_binary(table, "Add", Functor::kAdd);
  add_binary(table, "Sub", Functor::kSub);
  add_binary(table, "Mul", Functor::kMul);
  add_binary(table, "Div", Functor::kDiv);
  add_binary(table, "Max", Functor::kMax);
  add_binary(table, "Min", Functor::kMin);
  add_binary(table, "Equal", Functor::kEqual);
  add_binary(table, "Less", Functor::kLess);
  add_binary(table, "LessOrEqual", Functor::kLessOrEqual);
  add_binary(table, "Greater", Functor::kGreater);
  add_binary(table, "GreaterOrEqual", Functor::kGreaterOrEqual);
  add_unary(table, "Neg", Functor::kNeg);
  add_unary(table, "Abs", Functor::kAbs);
  add_unary(table, "Sign", Functor::kSign);
  add_row(table, "Where", supports_where, prepare_where);
  table.set_any_type("Where");
}

}  // namespace temper::cuda
