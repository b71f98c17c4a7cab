// Reference kernels of the activations and their gradients; the arithmetic is
// backends/common/activations.h.
#include "backends/common/activations.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// `forward` and `grad` make the function of type T from the attributes.
template <class Forward, class Grad>
void add_pair(KernelTable& table, const std::string& op, Forward forward, Grad grad) {
  add_float(table, op, [forward]<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(query, forward.template operator()<T>(*query.attrs));
  });
  add_float(table, op + "Grad", [grad]<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T>(query, grad.template operator()<T>(*query.attrs));
  });
}

// A pair without parameters.
template <class Forward, class Grad>
void add_plain(KernelTable& table, const std::string& op, Forward forward, Grad grad) {
  add_pair(
      table, op, [forward]<class T>(const Attrs&) { return forward; },
      [grad]<class T>(const Attrs&) { return grad; });
}

template <class T>
T number(const Attrs& attrs, std::string_view name, double fallback) {
  return static_cast<T>(attrs.get_double(name, fallback));
}

template <template <class...> class F, class T>
F<T> one_parameter(const Attrs& attrs) {
  return {number<T>(attrs, "alpha", 1)};
}

template <template <class...> class F, class T>
F<T> selu_like(const Attrs& attrs) {
  return {number<T>(attrs, "alpha", 1), number<T>(attrs, "gamma", 1)};
}

template <template <class...> class F, class T>
F<T> hard_sigmoid_like(const Attrs& attrs) {
  return {number<T>(attrs, "alpha", 0.2), number<T>(attrs, "beta", 0.5)};
}

template <class T>
std::unique_ptr<Kernel> gelu_kernel(const OpQuery& query) {
  return query.attrs->get_string("approximate", "none") == "tanh"
             ? broadcast_kernel<T, T>(query, functors::GeluTanh{})
             : broadcast_kernel<T, T>(query, functors::Gelu{});
}

template <class T>
std::unique_ptr<Kernel> gelu_grad_kernel(const OpQuery& query) {
  return query.attrs->get_string("approximate", "none") == "tanh"
             ? broadcast_kernel<T, T, T>(query, functors::GeluTanhGrad{})
             : broadcast_kernel<T, T, T>(query, functors::GeluGrad{});
}

}  // namespace

void register_activation(KernelTable& table) {
  using namespace functors;
  add_number(table, "Relu",
             []<class T>(const OpQuery& query) { return broadcast_kernel<T, T>(query, Relu{}); });
  add_float(table, "ReluGrad", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T>(query, ReluGrad{});
  });
  add_plain(table, "Sigmoid", Sigmoid{}, SigmoidGrad{});
  add_plain(table, "Tanh", Tanh{}, TanhGrad{});
  add_plain(table, "Softplus", Softplus{}, SoftplusGrad{});
  add_plain(table, "HardSwish", HardSwish{}, HardSwishGrad{});
  add_pair(
      table, "LeakyRelu", []<class T>(const Attrs& a) { return one_parameter<LeakyRelu, T>(a); },
      []<class T>(const Attrs& a) { return one_parameter<LeakyReluGrad, T>(a); });
  // Elu is Selu without its factor.
  add_pair(
      table, "Elu", []<class T>(const Attrs& a) { return selu_like<Selu, T>(a); },
      []<class T>(const Attrs& a) { return selu_like<SeluGrad, T>(a); });
  add_pair(
      table, "Selu", []<class T>(const Attrs& a) { return selu_like<Selu, T>(a); },
      []<class T>(const Attrs& a) { return selu_like<SeluGrad, T>(a); });
  add_pair(
      table, "Celu", []<class T>(const Attrs& a) { return one_parameter<Celu, T>(a); },
      []<class T>(const Attrs& a) { return one_parameter<CeluGrad, T>(a); });
  add_pair(
      table, "HardSigmoid",
      []<class T>(const Attrs& a) { return hard_sigmoid_like<HardSigmoid, T>(a); },
      []<class T>(const Attrs& a) { return hard_sigmoid_like<HardSigmoidGrad, T>(a); });
  add_float(table, "Gelu", []<class T>(const OpQuery& query) { return gelu_kernel<T>(query); });
  add_float(table, "GeluGrad",
            []<class T>(const OpQuery& query) { return gelu_grad_kernel<T>(query); });
}

}  // namespace temper::reference
