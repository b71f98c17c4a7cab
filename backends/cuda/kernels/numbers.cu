// One functor over broadcast tensors, a thread per element.
#include "backends/common/functors.h"
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/numbers.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class F, class T, class R>
__global__ void __launch_bounds__(kBlock)
    binary_kernel(const F f, const Places<2> places, const T* a, const T* b, R* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[i] = static_cast<R>(f(a[places.find(i, 0)], b[places.find(i, 1)]));
  }
}

template <class F, class T>
__global__ void __launch_bounds__(kBlock)
    unary_kernel(const F f, const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = f(x[i]);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    choose_kernel(const Places<3> places, const bool* condition, const T* a, const T* b, T* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[i] = condition[places.find(i, 0)] ? a[places.find(i, 1)] : b[places.find(i, 2)];
  }
}

struct Pointers {
  const Places<2>& places;
  const void *a, *b;
  void* y;
  StreamHandle stream;
};

template <class T, class R, class F>
void launch_binary(const F& f, const Pointers& p) {
  launch_elements(binary_kernel<F, T, R>, p.places.count, p.stream, f, p.places,
                  static_cast<const T*>(p.a), static_cast<const T*>(p.b), static_cast<R*>(p.y));
}

template <class T>
void binary_of(Functor functor, const Pointers& p) {
  switch (functor) {
    case Functor::kAdd:
      return launch_binary<T, T>(functors::Add{}, p);
    case Functor::kSub:
      return launch_binary<T, T>(functors::Sub{}, p);
    case Functor::kMul:
      return launch_binary<T, T>(functors::Mul{}, p);
    case Functor::kDiv:
      return launch_binary<T, T>(functors::Div{}, p);
    case Functor::kMax:
      return launch_binary<T, T>(functors::Max{}, p);
    case Functor::kMin:
      return launch_binary<T, T>(functors::Min{}, p);
    case Functor::kEqual:
      return launch_binary<T, bool>(functors::Equal{}, p);
    case Functor::kLess:
      return launch_binary<T, bool>(functors::Less{}, p);
    case Functor::kLessOrEqual:
      return launch_binary<T, bool>(functors::LessOrEqual{}, p);
    case Functor::kGreater:
      return launch_binary<T, bool>(functors::Greater{}, p);
    default:
      return launch_binary<T, bool>(functors::GreaterOrEqual{}, p);
  }
}

template <class T>
void unary_of(Functor functor, const void* x, void* y, std::int64_t count, StreamHandle stream) {
  const auto run = [&](auto f) {
    launch_elements(unary_kernel<decltype(f), T>, count, stream, f, static_cast<const T*>(x),
                    static_cast<T*>(y), count);
  };
  switch (functor) {
    case Functor::kNeg:
      return run(functors::Neg{});
    case Functor::kAbs:
      return run(functors::Abs{});
    default:
      return run(functors::Sign{});
  }
}

// Calls f with a value of the type.
template <class F>
void visit(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kInt32:
      return f(std::int32_t{});
    case DType::kInt64:
      return f(std::int64_t{});
    default:
      return f(double{});
  }
}

bool is_order(Functor functor) {
  return functor == Functor::kEqual || functor == Functor::kLess ||
         functor == Functor::kLessOrEqual || functor == Functor::kGreater ||
         functor == Functor::kGreaterOrEqual;
}

}  // namespace

bool computes(Functor functor, DType dtype) {
  const bool known = is_order(functor) || functor == Functor::kAdd || functor == Functor::kSub ||
                     functor == Functor::kMul || functor == Functor::kDiv ||
                     functor == Functor::kMax || functor == Functor::kMin ||
                     functor == Functor::kNeg || functor == Functor::kAbs ||
                     functor == Functor::kSign;
  const bool number = dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kFloat64;
  return known && (number || (functor == Functor::kEqual && dtype == DType::kBool));
}

void run_binary(Functor functor, DType dtype, const Places<2>& places, const void* a, const void* b,
                void* y, StreamHandle stream) {
  const Pointers pointers{places, a, b, y, stream};
  if (dtype == DType::kBool) {
    return launch_binary<bool, bool>(functors::Equal{}, pointers);
  }
  visit(dtype, [&]<class T>(T) { binary_of<T>(functor, pointers); });
}

void run_unary(Functor functor, DType dtype, const void* x, void* y, std::int64_t count,
               StreamHandle stream) {
  visit(dtype, [&]<class T>(T) { unary_of<T>(functor, x, y, count, stream); });
}

void choose(const Places<3>& places, std::size_t element_bytes, const bool* condition,
            const void* a, const void* b, void* y, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(choose_kernel<T>, places.count, stream, places, condition,
                    static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(y));
  });
}

}  // namespace temper::cuda
